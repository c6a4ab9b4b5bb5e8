"""Which of many things a page shows: what was searched for, which state, which order, which page of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from backend.project.overview import ProjectStatus

PER_PAGE = 25
LONGEST_SEARCH = 200

Item = TypeVar("Item")

# Each ends in the number, so that equals do not change places between two pages.
ORDERS: dict[str, tuple[str, Callable[[ProjectStatus], Any]]] = {
    "attention": ("problems first", lambda s: (s.problem is None, s.project)),
    # Those without a title come after all that have one.
    "title": ("title", lambda s: ((s.title or "\uffff").casefold(), s.project)),
    "labels": ("most labels", lambda s: (-s.labels, s.project)),
    # Not known is not low: those come last.
    "accuracy": ("lowest accuracy", lambda s: (s.accuracy.value is None, s.accuracy.value or 0, s.project)),
    "recent": ("last round", lambda s: (-_moment(s.last_round), s.project)),
    "id": ("number", lambda s: s.project),
}


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list; numbers count from 1."""

    items: Sequence[Item]
    number: int
    pages: int
    total: int
    first: int

    @property
    def last(self) -> int:
        """The number of the last item on it."""
        return self.first + len(self.items) - 1


def page_of(items: Sequence[Item], number: int, per_page: int = PER_PAGE) -> Page[Item]:
    """Return a page of a list; the nearest one where there is none of that number."""
    pages = max(-(-len(items) // per_page), 1)
    # A list may have become shorter since its reader took the link to the next page.
    number = min(max(number, 1), pages)
    start = (number - 1) * per_page
    return Page(items[start : start + per_page], number, pages, len(items), start + 1)


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to see of all projects.

    Attributes
    ----------
    search : words that all stand in title or number
    state : one state, or "" for any
    order : a name in ORDERS
    """

    search: str = ""
    state: str = ""
    order: str = "attention"
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """Return what a query says; whatever makes no sense in it is left out."""
        order = query.get("order", "")
        return cls(
            search=query.get("q", "").strip()[:LONGEST_SEARCH],
            state=query.get("state", "")[:LONGEST_SEARCH],
            order=order if order in ORDERS else "attention",
            page=page_number(query.get("page", "")),
        )

    def among(self, projects: Sequence[ProjectStatus]) -> Page[ProjectStatus]:
        """Return a page of those that are wanted, in order."""
        found = [p for p in projects if self._fits(p)]
        return page_of(sorted(found, key=ORDERS[self.order][1]), self.page)

    def parameters(self, **other: Any) -> dict[str, Any]:
        """Return the query of an address that says the same, but for some values."""
        said = {"q": self.search, "state": self.state, "order": self.order, "page": self.page} | other
        usual = {"q": "", "state": "", "order": "attention", "page": 1}
        return {name: value for name, value in said.items() if value != usual[name]}

    def _fits(self, status: ProjectStatus) -> bool:
        if self.state and status.state != self.state:
            return False
        where = f"{status.project} {status.title}".casefold()
        return all(word in where for word in self.search.casefold().split())


def states(projects: Sequence[ProjectStatus]) -> list[tuple[str, int]]:
    """Return the states that there are and how many projects each has, the most frequent first."""
    return Counter(p.state for p in projects).most_common()


def page_number(text: str) -> int:
    """Return the number in a query's value; 1 for what is none."""
    # isdigit() is true of superscripts, too, which int() refuses.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 1


def _moment(when: str | None) -> float:
    """Return a time in seconds since the epoch; 0 for none, or what is no time."""
    try:
        return datetime.fromisoformat(when).timestamp() if when else 0.0
    except (ValueError, OverflowError):
        return 0.0
