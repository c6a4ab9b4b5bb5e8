"""Who runs is asked, not remembered."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from pydantic import SecretStr

from backend.loop.heartbeat import (
    DEAD_AFTER,
    POLL,
    WEB,
    WORKER,
    Alive,
    Heartbeat,
    alive_key,
    ask_alive,
    beating,
)
from backend.services import Services
from backend.settings import Settings


def test_each_process_counts_once_however_often_it_beats(services: Services) -> None:
    first, second = Heartbeat(services.redis, WORKER), Heartbeat(services.redis, WORKER)
    for one in (first, first, second, Heartbeat(services.redis, POLL)):
        one.beat()
    assert ask_alive(services) == Alive(workers=2, polls=1, webs=0)
    first.end()
    assert ask_alive(services).workers == 1


@pytest.mark.parametrize("ago", [DEAD_AFTER + 1, -DEAD_AFTER - 1], ids=["long ago", "from the future"])
def test_who_has_not_beaten_lately_is_dead(services: Services, ago: float) -> None:
    seconds, _ = services.redis.time()
    services.redis.zadd(alive_key(WORKER), {"dead": seconds - ago})
    assert ask_alive(services).workers == 0
    Heartbeat(services.redis, WORKER).beat()
    assert ask_alive(services).workers == 1
    assert services.redis.zcard(alive_key(WORKER)) == 1


def test_what_else_lies_under_the_key_is_replaced(services: Services) -> None:
    services.redis.set(alive_key(WEB), "x")
    assert ask_alive(services).webs == 0
    Heartbeat(services.redis, WEB).beat()
    assert ask_alive(services).webs == 1


def test_a_process_that_ends_in_peace_is_gone_at_once(services: Services) -> None:
    stop = threading.Event()
    thread = beating(services, WORKER, stop)
    while not ask_alive(services).workers:
        pass
    stop.set()
    thread.join()
    assert ask_alive(services).workers == 0


def test_without_redis_nobody_can_be_asked(services: Services) -> None:
    away = services.settings.model_copy(update={"redis_url": SecretStr("redis://:s3cret@127.0.0.1:1/0")})
    found = ask_alive(replace(services, settings=away))
    assert found.problem is not None
    assert "s3cret" not in found.problem
    assert "does not answer" in found.problem


def test_without_an_address_and_without_serve_nothing_runs(settings: Settings) -> None:
    assert ask_alive(Services(settings.model_copy(update={"redis_url": None}))) == Alive()
