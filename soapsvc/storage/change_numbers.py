"""The numbers of changes of work items, in what each database has for it, and from which of them on some are unseen.

SQLite has one writer at a time: its rows of history are numbered in the order of the commits, by themselves. PostgreSQL
numbers transactions when they begin to write, and says of a moment which of them had not ended.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class number(FunctionElement[int]):  # noqa: N801 - reads as what it is in SQL
    """The number of the change that a row of history is of."""

    type = sa.BigInteger()
    inherit_cache = True


class own_number(FunctionElement[int]):  # noqa: N801
    """The number of the transaction that writes, where rows do not get one by themselves."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(number)
def _number_on_sqlite(*_: Any, **__: Any) -> str:
    return "history.rowid"


@compiles(number, "postgresql")
def _number_on_postgresql(*_: Any, **__: Any) -> str:
    return "history.written_in"


@compiles(own_number)
def _own_number_on_sqlite(*_: Any, **__: Any) -> str:
    return "NULL"


@compiles(own_number, "postgresql")
def _own_number_on_postgresql(*_: Any, **__: Any) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
