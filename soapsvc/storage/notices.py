"""Notices between processes on one PostgreSQL: what others remember of people, grants and tenancies is out of date.

They are sent with the commit of the change, and only of what seldom changes: a commit that notifies takes a lock of the
whole database, so nothing about work items is ever told this way.
"""

import logging
import threading
from collections.abc import Callable

import psycopg
import sqlalchemy as sa

from soapsvc.storage import postgresql
from soapsvc.storage.telling import CHANNEL

_FIRST_PAUSE = 0.5
_POLL_SECONDS = 0.25
_POLLS_A_HEARTBEAT = 20

_log = logging.getLogger(__name__)


class Listener:
    """Hears the notices of other processes, and calls `tell` for each; also when it may have missed some.

    Whoever needs to be sure must not rest on it alone: while the server is away nobody hears anything.
    """

    def __init__(self, engine: sa.Engine, tell: Callable[[], None]) -> None:
        self._engine = engine
        self._tell = tell
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        is_told = False
        while not self._closing.is_set():
            try:
                self._listen()
            except postgresql.ERRORS as error:
                if not is_told:
                    _log.warning("the connection for notices is lost; it will be made again: %s", type(error).__name__)
                is_told = True
            else:
                is_told = False
            self._tell()
            self._closing.wait(_FIRST_PAUSE)

    def _listen(self) -> None:
        """Listen until the connection is lost, or this is closed."""
        link = postgresql.Link(self._engine)
        try:
            driver = link.driver
            driver.execute(f"LISTEN {CHANNEL}")
            self._tell()  # of what was missed before
            while not self._closing.is_set():
                self._hear(driver)
                driver.execute("SELECT 1")  # a connection that was cut off says nothing by itself
        finally:
            link.close()

    def _hear(self, driver: "psycopg.Connection[object]") -> None:
        for _ in range(_POLLS_A_HEARTBEAT):
            if self._closing.is_set():
                return
            if any(True for _ in driver.notifies(timeout=_POLL_SECONDS, stop_after=1)):
                self._tell()
