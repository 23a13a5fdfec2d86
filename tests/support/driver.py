"""Stands between the service and its drivers, so that a test can come between two statements."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from soapsvc.storage.wire import Wire

Watcher = Callable[[Any, str], None]

_before: list[Watcher] = []
_after: list[Watcher] = []


class _Cursor(sqlite3.Cursor):
    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return _watched(self.connection, statement, lambda: super(_Cursor, self).execute(statement, *values))

    def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return _watched(self.connection, statement, lambda: super(_Cursor, self).executemany(statement, *values))


class _Connection(sqlite3.Connection):
    def cursor(self, *_: Any) -> sqlite3.Cursor:  # type: ignore[override]
        return super().cursor(_Cursor)

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return self.cursor().execute(statement, *values)


class _PostgresqlCursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, *values: Any, **options: Any) -> Any:
        return _watched(
            self.connection, query, lambda: super(_PostgresqlCursor, self).execute(query, *values, **options)
        )

    def executemany(self, query: Any, *values: Any, **options: Any) -> None:
        _watched(self.connection, query, lambda: super(_PostgresqlCursor, self).executemany(query, *values, **options))


class _Wire(Wire):
    def __init__(self, driver: Any, seconds: float) -> None:
        super().__init__(driver, seconds)
        self._driver = driver

    def exchange(self, statements: Any) -> Any:
        texts = [sql for sql, _ in statements]
        for text in texts:
            _tell(_before, self._driver, text)
        results = super().exchange(statements)
        for text in texts:
            _tell(_after, self._driver, text)
        return results


def _watched(connection: Any, statement: str, run: Callable[[], Any]) -> Any:
    _tell(_before, connection, statement)
    cursor = run()
    _tell(_after, connection, statement)
    return cursor


def _tell(watchers: list[Watcher], connection: Any, statement: str) -> None:
    for watcher in list(watchers):
        watcher(connection, statement)


@sa.event.listens_for(sa.Engine, "do_connect")
def _connect_through(*call: Any) -> None:
    dialect, *_, parameters = call
    if dialect.name == "sqlite":
        parameters["factory"] = _Connection


@sa.event.listens_for(sa.Engine, "connect")
def _run_through(connection: Any, _: object) -> None:
    if isinstance(connection, psycopg.Connection):
        connection.cursor_factory = _PostgresqlCursor
        connection.wire_factory = _Wire  # type: ignore[attr-defined]


@contextmanager
def watching(*, before: Watcher | None = None, after: Watcher | None = None) -> Iterator[None]:
    """Call `before` and `after` with every statement that any connection runs, before and after it is run."""
    added = [(watchers, one) for watchers, one in ((_before, before), (_after, after)) if one]
    for watchers, one in added:
        watchers.append(one)
    try:
        yield
    finally:
        for watchers, one in added:
            watchers.remove(one)
