"""For how long somebody lets the database read: on a server its own timeout, on SQLite an interrupt from outside."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import ListTookTooLong
from soapsvc.storage.locks import has_many_writers
from soapsvc.storage.statements import Statement
from soapsvc.storage.transaction import Transaction

_AGAIN_SECONDS = 0.05
"""What has come between two statements of a transaction stops neither: so it comes again."""

_CANCELLED = "57014"
_TIMEOUT, _PLANS = "statement_timeout", "plan_cache_mode"


def _usual(setting: str) -> str:
    """Name what keeps a setting's usual value meanwhile."""
    return f"soapsvc.usual_{setting}"


def _set(setting: str, value: Any) -> sa.Label[Any]:
    return sa.func.set_config(setting, value, sa.true()).label(setting.rpartition(".")[2])


_LIMIT = Statement(
    sa.select(
        _set(_usual(_TIMEOUT), sa.func.current_setting(_TIMEOUT)),
        _set(_usual(_PLANS), sa.func.current_setting(_PLANS)),
        _set(_TIMEOUT, sa.bindparam("most", type_=sa.Text)),
        # A plan that suits all lists suits none: it looks for the parts that they are in anew for each row.
        _set(_PLANS, sa.literal("force_custom_plan")),
    )
)
_AS_USUAL = Statement(
    sa.select(
        _set(_TIMEOUT, sa.func.current_setting(_usual(_TIMEOUT))),
        _set(_PLANS, sa.func.current_setting(_usual(_PLANS))),
    )
)


@contextmanager
def reading_within(tx: Transaction, seconds: float) -> Iterator[None]:
    """Let each statement of a block read a list, for so long at most. Raises ListTookTooLong."""
    try:
        if has_many_writers(tx):
            tx.be_alone()  # a server's settings are its transaction's
            _LIMIT.store(tx, [{"most": f"{max(1, round(seconds * 1000))}ms"}])
            yield
            _AS_USUAL.store(tx, [{}])
        else:
            with _alarms.set(tx.driver, seconds):
                yield
    except sa.exc.DBAPIError as error:
        if _was_stopped(error.orig):
            raise ListTookTooLong(seconds) from None
        raise


def _was_stopped(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_INTERRUPT or getattr(error, "sqlstate", None) == _CANCELLED


class _Alarms:
    """Interrupts connections whose time is up, from one thread for all of them.

    SQLite could ask us every so many steps, but each time we would have to wait for the interpreter's lock.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._set: dict[object, tuple[float, sqlite3.Connection]] = {}
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0

    @contextmanager
    def set(self, connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
        """Interrupt what runs on a connection after so many seconds, unless the block has ended by then."""
        key, deadline = object(), time.monotonic() + seconds
        with self._turn:
            self._set[key] = deadline, connection
            if self._thread is None or not self._thread.is_alive():  # a process that was forked has none
                self._wakes_at = deadline
                self._thread = threading.Thread(target=self._watch, name="alarms", daemon=True)
                self._thread.start()
            elif deadline < self._wakes_at:
                self._turn.notify()
        try:
            yield
        finally:
            with self._turn:
                del self._set[key]

    def _watch(self) -> None:
        """Sleep until the next alarm, and some time longer after the last: who sets one need not wake this thread."""
        with self._turn:
            while self._set:
                self._ring()
                self._wakes_at = min(deadline for deadline, _ in self._set.values())
                left = self._wakes_at - time.monotonic()
                self._turn.wait(left if left > 0 else _AGAIN_SECONDS)
            self._thread = None

    def _ring(self) -> None:
        now = time.monotonic()
        for deadline, connection in self._set.values():
            if deadline <= now:
                connection.interrupt()


_alarms = _Alarms()
