"""What the store's tests need beside a database: the writer held at will, and an eye on its commits."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from soapsvc.storage.database import Database
from tests.support.driver import watching

DEADLINE = 10


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
