"""Who waits for a change of a list is woken by it, at once and by no other, and waits no longer than he wants."""

import asyncio
import threading

import pytest

from soapsvc.domain.errors import TooManyWaiting
from soapsvc.storage.list_changes import ListChanges

DEADLINE = 10
LONG = 60


def run(coroutine):
    async def within_deadline():
        async with asyncio.timeout(DEADLINE):
            return await coroutine

    return asyncio.run(within_deadline())


@pytest.fixture
def changes() -> ListChanges:
    return ListChanges()


async def _until_waiting(changes: ListChanges, count: int) -> None:
    while changes.waiting != count:
        await asyncio.sleep(0)


def test_a_change_from_another_thread_ends_the_wait_for_its_list_and_no_other(changes):
    async def wait() -> tuple[bool, bool]:
        mine = asyncio.create_task(changes.wait({1, 2}, changes.now, LONG))
        other = asyncio.create_task(changes.wait({3}, changes.now, LONG))
        await _until_waiting(changes, 2)
        thread = threading.Thread(target=changes.note, args=[(2, 9)])
        thread.start()
        found = await mine
        thread.join()
        is_other_waiting = not other.done()
        other.cancel()
        return found, is_other_waiting

    assert run(wait()) == (True, True)


def test_what_changed_before_the_wait_and_after_its_point_is_told_at_once(changes):
    point = changes.now
    changes.note([7])
    assert run(changes.wait({7}, point, LONG)) is True
    assert run(changes.wait({7}, changes.now, 0)) is False
    assert run(changes.wait({8}, point, 0)) is False


def test_a_change_of_who_is_in_what_is_one_of_every_list(changes):
    point = changes.now
    changes.note_all()
    assert run(changes.wait({123}, point, LONG)) is True


def test_as_many_may_wait_as_may_and_one_who_goes_makes_room(changes):
    changes.most_waiting = 1

    async def wait() -> None:
        first = asyncio.create_task(changes.wait({1}, 0, LONG))
        await _until_waiting(changes, 1)
        with pytest.raises(TooManyWaiting):
            await changes.wait({1}, 0, LONG)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert changes.waiting == 0
        assert await changes.wait({1}, 0, 0) is False

    run(wait())


def test_when_the_service_stops_nobody_waits_on(changes):
    async def wait() -> bool:
        waiting = asyncio.create_task(changes.wait({1}, changes.now, LONG))
        await _until_waiting(changes, 1)
        changes.close()
        return await waiting

    assert run(wait()) is True
    assert run(changes.wait({1}, changes.now, LONG)) is False


def test_a_wait_leaves_nothing_behind(changes):
    run(changes.wait({1, 2}, changes.now, 0))
    assert (changes.waiting, changes._waiters) == (0, {})
