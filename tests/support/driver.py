"""Stands between the service and its drivers, so that a test can come between two statements."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

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


def _watched(connection: Any, statement: str, run: Callable[[], Any]) -> Any:
    for watcher in list(_before):
        watcher(connection, statement)
    cursor = run()
    for watcher in list(_after):
        watcher(connection, statement)
    return cursor


@sa.event.listens_for(sa.Engine, "do_connect")
def _connect_through(*call: Any) -> None:
    dialect, *_, parameters = call
    if dialect.name == "sqlite":
        parameters["factory"] = _Connection


@sa.event.listens_for(sa.Engine, "connect")
def _run_through(connection: Any, _: object) -> None:
    if isinstance(connection, psycopg.Connection):
        connection.cursor_factory = _PostgresqlCursor


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
