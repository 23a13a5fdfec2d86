"""What the store's tests need beside a database: the writer held at will, and an eye on its commits."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from soapsvc.storage.database import Database
from tests.storage.units import told
from tests.support.databases import run_by_hand
from tests.support.driver import watching

try:
    import uvloop
except ImportError:  # there is none for Windows
    uvloop = None

DEADLINE = 10
LOOPS = {"asyncio": asyncio.new_event_loop} | ({"uvloop": uvloop.new_event_loop} if uvloop else {})


@pytest.fixture
def held(database: Database):
    """Hold the writer inside a first unit, so that what is submitted meanwhile waits for one shared commit."""

    @contextlib.contextmanager
    def hold() -> Iterator[None]:
        entered, release = threading.Event(), threading.Event()

        def wait(_: object) -> None:
            entered.set()
            assert release.wait(DEADLINE)

        first = database.write(wait)
        assert entered.wait(DEADLINE)
        try:
            yield
        finally:
            release.set()
        first.result(DEADLINE)

    return hold


@pytest.fixture
def commits() -> Iterator[list[str]]:
    """Count the writer's COMMITs from now on."""
    seen: list[str] = []
    with watching(after=lambda _, statement: seen.append(statement) if statement == "COMMIT" else None):
        yield seen


@pytest.fixture
def another_process(database_path: Path):
    """Open a plain connection to the same file, as another process would."""

    def connect(timeout: float = 0) -> AbstractContextManager[sqlite3.Connection]:
        # Python ties a connection to its thread; these are handed from one to another and never shared.
        connection = sqlite3.connect(database_path, timeout=timeout, isolation_level=None, check_same_thread=False)
        return contextlib.closing(connection)

    return connect


@pytest.fixture(params=LOOPS.values(), ids=LOOPS)
def new_loop(request) -> Callable[[], asyncio.AbstractEventLoop]:
    """Make an event loop, of each kind on which the service runs."""
    return request.param


@pytest.fixture
def on_loop(new_loop):
    """Run a coroutine on a new event loop in this thread, and give what it comes to, within the deadline."""

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def within_deadline() -> Any:
            async with asyncio.timeout(DEADLINE):
                return await coroutine

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(within_deadline())

    return run


@pytest.fixture
def connected(database: Database) -> Database:
    """A database that has connected: before, there is something to wait for, and no unit runs on an event loop."""
    database.write(lambda _: None).result(DEADLINE)
    database.read(lambda _: None).result(DEADLINE)
    return database


@pytest.fixture
def together(database, on_loop):
    """Run units that wait at the same time; give what they came to."""

    async def run(units):
        return await told(database.written(unit) for unit in units)

    return lambda *units: on_loop(run(units))


@pytest.fixture
def versions(database_url):
    """Which versions of an item have a row of history, and which is the item's own."""

    def read(item_id: int) -> tuple[list[int], int]:
        rows = run_by_hand(
            database_url, "SELECT version FROM history WHERE work_item_id = :item ORDER BY version", item=item_id
        )
        ((own,),) = run_by_hand(database_url, "SELECT version FROM work_item WHERE id = :item", item=item_id)
        return [version for (version,) in rows], own

    return read
