"""The tables, as SQLAlchemy Core; migrations/ makes them, and a test keeps the two alike."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

BigInteger = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""64 bits on every database; SQLite numbers rows by itself only where the type is called INTEGER."""


class Moment(sa.TypeDecorator[datetime]):
    """A moment as microseconds since 1970 in UTC: exact, ordered and indexed alike on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002
        """Write the moment as a number."""
        return None if value is None else microseconds_of(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Read the number as a moment."""
        return None if value is None else moment_from(value)


def microseconds_of(moment: datetime) -> int:
    """Give the microseconds from the beginning of 1970 to a moment."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_from(microseconds: int) -> datetime:
    """Give the moment that many microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=microseconds)


TENANCY = sa.bindparam("tenancy", type_=sa.BigInteger)
"""Stands for the tenancy of the transaction in every statement that is run."""


def _id_of(table: str, **options: Any) -> sa.Column[int]:
    return sa.Column(f"{table}_id", BigInteger, sa.ForeignKey(f"{table}.id"), **options)


schema_level = sa.Table(
    "schema_level",
    metadata,
    sa.Column("oldest_code", sa.Integer, nullable=False),
    comment="One row: the oldest schema level whose code may run on this database.",
)

entity = sa.Table(
    "entity",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("guid", sa.String(64), nullable=False),
    sa.Column("guid_key", sa.String(256), nullable=False, unique=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("max_open_items", sa.Integer),
    sa.Index("ix_entity_name", "name"),
)

account = sa.Table(
    "account",
    metadata,
    _id_of("entity", primary_key=True),
    sa.Column("name", sa.String(100), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
)

action_grant = sa.Table(
    "action_grant",
    metadata,
    _id_of("entity", primary_key=True),
    sa.Column("action", sa.String(64), primary_key=True),
)

work_item = sa.Table(
    "work_item",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    sa.Column("guid", sa.String(36), nullable=False, unique=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("distribution", sa.String(16), nullable=False),
    sa.Column("group_id", sa.BigInteger),
    sa.Column("work_type_id", sa.String(255)),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("start_at", Moment),
    sa.Column("end_at", Moment),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("owner_id", BigInteger, sa.ForeignKey("entity.id")),
    sa.Column("session_guid", sa.String(36)),
    sa.Column("offered_when_opened", sa.Boolean, nullable=False),
    sa.Column("state_before_hiding", sa.String(16)),
    sa.Column("hidden_until", Moment),
    sa.Column("state_before_suspension", sa.String(16)),
    sa.Column("data_rescheduled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("history_hash", sa.String(64), nullable=False, server_default=""),
    sa.Index("ix_work_item_owner_id_state", "owner_id", "state"),
    sa.Index("ix_work_item_hidden_until", "hidden_until"),
)

offer = sa.Table(
    "offer",
    metadata,
    _id_of("work_item", primary_key=True),
    _id_of("entity", primary_key=True),
    sa.Index("ix_offer_entity_id_work_item_id", "entity_id", "work_item_id"),
    comment="The original offer set of an item: it never changes, whatever the item's state.",
)

holder = sa.Table(
    "holder",
    metadata,
    _id_of("work_item", primary_key=True),
    _id_of("entity", primary_key=True),
    comment="Everyone who holds or has held an item.",
)

version_session = sa.Table(
    "version_session",
    metadata,
    sa.Column("guid", sa.String(36), primary_key=True),
    _id_of("work_item", nullable=False),
    _id_of("entity", nullable=False),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("opened_version", sa.BigInteger, nullable=False),
    sa.Column("ended_version", sa.BigInteger),
    sa.Index("ix_version_session_work_item_id", "work_item_id"),
    comment="One row an opening of an item; ended_version is set by what closed it.",
)

history = sa.Table(
    "history",
    metadata,
    _id_of("work_item", primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("actor_id", BigInteger, sa.ForeignKey("entity.id")),
    sa.Column("at", Moment, nullable=False),
    sa.Column("state_before", sa.String(16)),
    sa.Column("state_after", sa.String(16), nullable=False),
    sa.Column("changed", sa.Text, nullable=False),
    sa.Column("fields", sa.Text),
    sa.Column("hash", sa.String(64), nullable=False, server_default=""),
    comment="One row a version; fields is the data model where this version changed it.",
)

work_type = sa.Table(
    "work_type",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("definition", sa.Text, nullable=False),
)

pile = sa.Table(
    "pile",
    metadata,
    _id_of("entity", primary_key=True),
    sa.Column("work_type_id", sa.String(255), nullable=False),
    sa.Column("length", sa.Integer, nullable=False),
    comment="How many items of one work type somebody has completed in a row, asking for the next each time.",
)

answered_request = sa.Table(
    "answered_request",
    metadata,
    _id_of("entity", primary_key=True),
    sa.Column("request_id", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("ix_answered_request_at", "at"),
    comment="What a caller's request with an id of its own was answered, to say it again for a day.",
)
