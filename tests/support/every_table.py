"""Rows for every table that the code knows, made from the types of its columns alone: a new table is among them."""

from typing import Any

import sqlalchemy as sa

from soapsvc.storage import sqlite
from soapsvc.storage.copying import TABLES

ROWS = 12
TEXTS = ("", "ä", '{"a": [1, null]}', " \t\r\n", "\U0001f600 日本", "'; --", "\\N", "%s :x", "Z", "a", "é", "e\u0301")
"""Among them what databases order differently, or take for something else; empty, and without a NUL."""
INTEGERS = (0, 1, -1, 2**31 - 1, -(2**31), 50, 7, 1000, 3, 4, 5, 6)
BIG_INTEGERS = (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 7, 8, 9, 10, 11, 12)


def fill(url: sa.URL) -> None:
    """Put ROWS rows into every table of a migrated SQLite database, with all that its types may hold."""
    engine = sqlite.writer_engine(sqlite.file_of(url))
    with engine.connect() as connection:
        sqlite.begin_to_write(connection)
        made: dict[str, list[dict[str, Any]]] = {}
        for table in TABLES:
            connection.execute(sa.delete(table))
            rows = made[table.name] = [_row(table, number, made) for number in range(ROWS)]
            connection.execute(sa.insert(table), rows)
        sqlite.execute(connection, "COMMIT")
    engine.dispose()


def _row(table: sa.Table, number: int, made: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {column.name: _value(column, number, made) for column in table.c}


def _value(column: sa.Column[Any], number: int, made: dict[str, list[dict[str, Any]]]) -> Any:
    if column.nullable and number % 3 == 1:
        return None
    for key in column.foreign_keys:
        return made[key.column.table.name][number][key.column.name]
    if column.primary_key and isinstance(column.type, sa.BigInteger | sa.SmallInteger):
        # With gaps, and more than a double holds; or the part of list_entry that a row is in, and that must be there.
        return 2**53 + 1 + number * number if isinstance(column.type, sa.BigInteger) else number
    if isinstance(column.type, sa.Boolean):
        return number % 2 == 0
    if isinstance(column.type, sa.LargeBinary):
        return bytes(range(number, 256))
    if isinstance(column.type, sa.BigInteger):
        return BIG_INTEGERS[number]
    if isinstance(column.type, sa.Integer):
        return INTEGERS[number]
    assert isinstance(column.type, sa.String), f"say what {column.type} may hold"
    return f"{TEXTS[number]}{number}" if column.unique else TEXTS[number][: column.type.length]
