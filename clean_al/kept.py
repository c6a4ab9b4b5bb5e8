"""A property that is worked out once per object, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class kept(Generic[T]):
    """What functools.cached_property is from Python 3.12 on.

    Before, it holds one lock for all objects while the value is worked out. Where that goes through joblib,
    on workers that let a waiting task step aside for the next one, the next one waits for the lock for ever.
    """

    def __init__(self, work: Callable[[Any], T]):
        self.work = work
        self.__doc__ = work.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> kept[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> kept[T] | T:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.work(instance)
        return value
