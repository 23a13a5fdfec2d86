"""What lets a mistake show soon: nothing here is a mistake, and a service that is changed by it keeps its promise."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from soapsvc.domain.errors import LostRace
from soapsvc.jobs.runner import Runner
from soapsvc.jobs.version_operations import OperationHandler
from soapsvc.storage import jobs, locks, sqlite, work_items
from soapsvc.storage.sqlite_database import SqliteDatabase
from soapsvc.storage.tasks import Outcome, Task
from soapsvc.storage.transaction import RunFirst, Transaction

PAUSE_SECONDS = 0.004
WORK_SECONDS = 0.15
HASTE_SECONDS = 0.02
WRITERS = 8
MOST_RUNS = 100
_CHANGING = ("INSERT", "UPDATE", "DELETE")


class _LateCursor:
    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._cursor = driver.cursor()

    def execute(self, statement: str, values: Any = ()) -> Any:
        self._begin_before(statement)
        return self._cursor.execute(statement, values)

    def executemany(self, statement: str, values: Any) -> Any:
        self._begin_before(statement)
        return self._cursor.executemany(statement, values)

    def _begin_before(self, statement: str) -> None:
        if statement.startswith(_CHANGING) and not self._driver.in_transaction:
            time.sleep(PAUSE_SECONDS)  # so that others come between what was read and what is written
            _begin(self._driver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def _begin(driver: Any) -> None:
    sqlite._execute_when_free(driver, "BEGIN IMMEDIATE")


class _LateDriver:
    """Begins a transaction at its first change only: what is read before is not of one state with what is written.

    Unless a unit locks what it is about to read.
    """

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def lock(self) -> None:
        if not self._driver.in_transaction:
            _begin(self._driver)

    def cursor(self) -> _LateCursor:
        return _LateCursor(self._driver)


def _run(database: SqliteDatabase, engine: Any, unit: Any) -> Any:
    with engine.connect() as connection:
        for _ in range(MOST_RUNS):
            tx = Transaction(connection, database._now, database._writer._memories.begin())
            driver, tx.driver = tx.driver, _LateDriver(tx.driver)
            outcome, again = _attempt(tx, unit), None
            if isinstance(outcome.error, RunFirst):
                again = outcome.error.unit
            if driver.in_transaction:
                driver.execute("ROLLBACK" if outcome.error else "COMMIT")
            outcome.follow()
            if again is not None:
                tenancy = tx.tenancy
                _run(database, engine, lambda tx, first=again, to=tenancy: (setattr(tx, "tenancy", to), first(tx)))
            elif not isinstance(outcome.error, LostRace):
                break
    if outcome.error:
        raise outcome.error
    return outcome.result


def _attempt(tx: Transaction, unit: Any) -> Outcome:
    task: Task[Any] = Task(unit, None, tx=tx)  # type: ignore[arg-type]
    try:
        return Outcome(task, result=unit(tx))
    except Exception as error:
        return Outcome(task, error=error)


def interleaved() -> None:
    """Run units side by side, each on a connection of its own, as a database on a server would let them."""
    threads = ThreadPoolExecutor(WRITERS)

    async def written(self: SqliteDatabase, unit: Any, *, is_long: bool = False) -> Any:
        import asyncio

        engine = self.__dict__.setdefault("_interleaved", sqlite.writer_engine(self.path))
        return await asyncio.get_running_loop().run_in_executor(threads, _run, self, engine, unit)

    def lock_items(tx: Transaction, ids: Sequence[int]) -> None:
        if isinstance(tx.driver, _LateDriver):
            tx.driver.lock()

    SqliteDatabase.written = written  # type: ignore[method-assign]
    locks.lock_items = lock_items


def slow() -> None:
    """Pause between what a unit reads and what it writes, so that others come between."""
    save = work_items.save_alike

    def save_alike(tx: Transaction, changes: Any, **what: Any) -> Any:
        time.sleep(PAUSE_SECONDS)
        return save(tx, changes, **what)

    work_items.save_alike = save_alike


def busy() -> None:
    """Let what ends a version take its time, so that others come between its acceptance and its end."""
    run = OperationHandler.run

    def run_slowly(self: OperationHandler, job: jobs.Job) -> None:
        time.sleep(WORK_SECONDS)
        run(self, job)

    OperationHandler.run = run_slowly  # type: ignore[method-assign]


def hasty() -> None:
    """Let first leases run out at once, and have others look for them all the time: most jobs are begun twice."""
    enqueue = jobs.enqueue

    def enqueue_as_due(*what: Any, lease: Any = None, **options: Any) -> None:
        enqueue(*what, lease=lease and _NoLease(lease), **options)

    busy()
    jobs.enqueue = enqueue_as_due
    Runner.__init__.__kwdefaults__["poll_seconds"] = HASTE_SECONDS


class _NoLease:
    length = timedelta(0)

    def __init__(self, lease: jobs.Lease) -> None:
        self.start = lease.start


CHANGES = {change.__name__: change for change in (interleaved, slow, busy, hasty)}
