"""Waiting for a change of an item: told at once when it comes, and that nothing came at the end."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from soapsvc import chores
from soapsvc.settings import Settings
from soapsvc.storage import schema
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.waiters import Waiter, Waiters
from soapsvc.usecases import scheduling
from soapsvc.wiring import database_url
from tests.conftest import DEFAULT_TENANCY, KINDS
from tests.rest.conftest import SECONDS, Rest, Told, opened, until

HOW = {"by the query": ("?afterVersion=1&wait=30", {}), "by a tag": ("", {"if_none_match": '"1"', "prefer": "wait=30"})}
AT_ONCE = {
    "?afterVersion=1": 204,
    "?afterVersion=1&wait=0": 204,
    "?afterVersion=7": 204,
    "?afterVersion=0&wait=30": 200,
    "": 200,
}


def _waiting(rest: Rest, count: int) -> None:
    """Wait until so many wait."""
    until(lambda: rest.service.items.count == count)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", HOW)
def test_who_waits_is_told_as_soon_as_the_item_has_changed(settings: Settings, how: str) -> None:
    query, headers = HOW[how]
    with opened(settings) as rest, ThreadPoolExecutor(1) as pool:
        version = rest.begun()
        waiting: Future[Told] = pool.submit(rest.get, f"{version.at}{query}", **headers)
        _waiting(rest, 1)
        began = time.monotonic()
        rest.soap.ask("saveOpenWorkItem", _save(rest.stored(version.item).id))
        told = waiting.result(SECONDS)
        assert (told.status, told.json["version"], told.headers["etag"]) == (200, 2, '"2"')
        assert time.monotonic() - began < 10
        _waiting(rest, 0)


def _save(item_id: int) -> str:
    return f'<workItemID id="{item_id}"/><workItemPayload><dataModel/></workItemPayload>'


class _Late(Waiters):
    """Gives a place to wait in only after something has happened."""

    def __init__(self, before: Callable[[], object]) -> None:
        super().__init__(most=10)
        self._before = before

    def place(self, subject: str) -> AbstractContextManager[Waiter | None]:
        self._before()
        return super().place(subject)


def test_a_change_between_the_look_and_the_wait_is_not_missed(settings: Settings) -> None:
    with opened(settings) as rest:
        version = rest.begun()
        item_id = rest.stored(version.item).id
        memories = rest.database.read(lambda tx: tx.memory.memories).result(10)
        memories.items = _Late(lambda: rest.database.write(lambda tx: scheduling.touch_item(tx, item_id)).result(10))
        told = rest.get(f"{version.at}?afterVersion=1&wait=2")
        assert (told.status, told.json["version"]) == (200, 2)


@pytest.mark.parametrize("query", AT_ONCE)
def test_who_has_nothing_to_wait_for_is_answered_at_once(rest: Rest, query: str) -> None:
    version = rest.begun()
    answer = rest.get(f"{version.at}{query}")
    assert (answer.status, answer.headers["etag"]) == (AT_ONCE[query], '"1"')
    assert bool(answer.answer.body) == (answer.status == 200)


def test_when_the_time_is_over_nothing_has_changed(rest: Rest) -> None:
    version = rest.begun()
    assert rest.get(f"{version.at}?afterVersion=1&wait=1").status == 204
    known = rest.get(version.at, if_none_match='"1"', prefer="wait=1")
    assert (known.status, known.headers["preference-applied"], known.headers["vary"]) == (304, "wait=1", "Prefer")


@pytest.mark.parametrize(
    "query", ["wait=3", "afterVersion=1&wait=61", "afterVersion=-1", "afterVersion=x", "afterVersion=1&wait=-1"]
)
def test_a_wait_that_cannot_be_is_refused(rest: Rest, query: str) -> None:
    version = rest.begun()
    assert rest.get(f"{version.at}?{query}").problem == (400, "bad-request")


def test_a_client_that_would_wait_longer_than_may_be_waits_as_long_as_may_be(settings: Settings) -> None:
    with opened(settings, list_wait_seconds=1) as rest:
        version = rest.begun()
        known = rest.get(version.at, if_none_match='"1"', prefer="wait=9999")
        assert (known.status, known.headers["preference-applied"]) == (304, "wait=1")


def test_past_the_limit_nobody_may_wait_and_reading_goes_on(settings: Settings) -> None:
    with opened(settings, list_waiters=0) as rest:
        version = rest.begun()
        refused = rest.get(f"{version.at}?afterVersion=1&wait=5")
        assert refused.problem == (503, "unavailable")
        assert refused.headers["retry-after"]
        assert rest.get(version.at).status == 200


def test_when_the_service_drains_who_waits_is_let_go(settings: Settings) -> None:
    with opened(settings) as rest, ThreadPoolExecutor(1) as pool:
        version = rest.begun()
        waiting = pool.submit(rest.get, f"{version.at}?afterVersion=1&wait=60")
        _waiting(rest, 1)
        rest.service.let_go()
        told = waiting.result(SECONDS)
        assert (told.status, told.headers["connection"]) == (204, "close")
        assert rest.get(f"{version.at}?afterVersion=1&wait=60").status == 204


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_by_another_process_is_found_by_looking(settings: Settings) -> None:
    schema.check(database_url(settings))
    with opened(settings) as rest, ThreadPoolExecutor(1) as pool:
        version = rest.begun()
        service = rest.service
        look = chores.keep_looking(service.database, service.lists, service.items)
        looking = asyncio.run_coroutine_threadsafe(look, rest.calls._loop)
        waiting = pool.submit(rest.get, f"{version.at}?afterVersion=1&wait=30")
        _waiting(rest, 1)
        item_id = rest.stored(version.item).id
        other = open_database(database_url(settings))
        try:
            InTenancy(other, DEFAULT_TENANCY).write(lambda tx: scheduling.touch_item(tx, item_id)).result(10)
        finally:
            other.close()
        assert waiting.result(SECONDS).json["version"] == 2
        looking.cancel()
