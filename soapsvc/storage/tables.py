"""The tables, as SQLAlchemy Core; migrations/ makes them, and a test keeps the two alike."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

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

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[int | None], datetime | None]:  # noqa: ARG002
        """Give what reads the number as a moment."""
        return _moment_or_none


def _moment_or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else moment_from(microseconds)


def microseconds_of(moment: datetime) -> int:
    """Give the microseconds from the beginning of 1970 to a moment."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_from(microseconds: int) -> datetime:
    """Give the moment that many microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=microseconds)


TENANCY = sa.bindparam("tenancy", type_=sa.BigInteger)
"""Stands for the tenancy of the transaction in every statement that is run."""


def of_tenancy(*tables: sa.FromClause) -> sa.ColumnElement[bool]:
    """Give the condition that each of these tables shows only rows of the transaction's tenancy."""
    return sa.and_(*(table.c.tenancy_id == TENANCY for table in tables))


def insert_into(table: sa.Table, *, numbered: bool = False) -> sa.Insert:
    """Give the insert of a row of the transaction's tenancy; its other columns are parameters of their names.

    `numbered`: the database gives it its id, which the statement returns.
    """
    given = [column for column in table.c if not (numbered and column.name == "id")]
    insert = sa.insert(table).values(
        {column.name: TENANCY if column.name == "tenancy_id" else sa.bindparam(column.name) for column in given}
    )
    return insert.returning(table.c.id) if numbered else insert


def insert_if_absent(table: sa.Table) -> sa.Insert:
    """Give the insert of a row of the transaction's tenancy that changes nothing where there is one of its key."""
    # SQLite writes it alike; SQLAlchemy has it under the databases' names alone.
    values: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in table.c} | {"tenancy_id": TENANCY}
    return postgresql_insert(table).values(values).on_conflict_do_nothing()


def id_of(table: str, **options: Any) -> sa.Column[int]:
    """Give a column that refers to the rows of a table by their ids."""
    return sa.Column(f"{table}_id", BigInteger, sa.ForeignKey(f"{table}.id"), **options)


def tenancy_id(**options: Any) -> sa.Column[int]:
    """Say whose a row is. It stands early in its row: what stands behind long texts takes longer to read.

    Ids of items and entities are unique over all tenancies, so indexes by them need no tenancy in front. Where other
    keys are unique within a tenancy, it stands last, unless whole tenancies are listed in that order: a database that
    knows nothing of how many tenancies there are must not think it a good way to find one row.
    """
    return id_of("tenancy", nullable=False, **options)


schema_level = sa.Table(
    "schema_level",
    metadata,
    sa.Column("oldest_code", sa.Integer, nullable=False),
    comment="One row: the oldest schema level whose code may run on this database.",
)

tenancy = sa.Table(
    "tenancy",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    sa.Column("moniker", sa.String(63), nullable=False, unique=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("version_required", sa.Boolean),
    comment="Those who share the service, unknown to each other; version_required is as the setting says if NULL.",
)

entity = sa.Table(
    "entity",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    tenancy_id(),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("guid", sa.String(64), nullable=False),
    sa.Column("guid_key", sa.String(256), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("max_open_items", sa.Integer),
    sa.Column("is_retired", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("guid_key", "tenancy_id"),
    sa.Index("ix_entity_name_tenancy_id", "name", "tenancy_id"),
)

account = sa.Table(
    "account",
    metadata,
    id_of("entity", primary_key=True),
    tenancy_id(),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.UniqueConstraint("tenancy_id", "name"),
)

action_grant = sa.Table(
    "action_grant",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    tenancy_id(),
    id_of("entity", nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("scope_id", BigInteger, sa.ForeignKey("entity.id")),
    sa.UniqueConstraint("entity_id", "action", "scope_id"),
    sa.Index(
        "ix_action_grant_everywhere",
        "entity_id",
        "action",
        unique=True,
        sqlite_where=sa.text("scope_id IS NULL"),
        postgresql_where=sa.text("scope_id IS NULL"),
    ),
    comment="What a resource or a privilege is granted: below one organisational unit, or everywhere.",
)

denied_action = sa.Table(
    "denied_action",
    metadata,
    tenancy_id(primary_key=True),
    sa.Column("action", sa.String(64), primary_key=True),
    comment="Which of the system actions that are open to all are not so here.",
)

membership = sa.Table(
    "membership",
    metadata,
    tenancy_id(),
    sa.Column("container_id", BigInteger, sa.ForeignKey("entity.id"), primary_key=True),
    sa.Column("member_id", BigInteger, sa.ForeignKey("entity.id"), primary_key=True),
    sa.Index("ix_membership_member_id", "member_id"),
    comment="Which unit, group or position an entity is in.",
)

privilege_holding = sa.Table(
    "privilege_holding",
    metadata,
    tenancy_id(),
    sa.Column("holder_id", BigInteger, sa.ForeignKey("entity.id"), primary_key=True),
    sa.Column("privilege_id", BigInteger, sa.ForeignKey("entity.id"), primary_key=True),
    comment="Which privileges and capabilities an entity holds.",
)

work_item = sa.Table(
    "work_item",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    tenancy_id(),
    sa.Column("guid", sa.String(36), nullable=False),
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
    sa.Column("template_package_id", sa.String(255)),
    sa.Column("operation_id", sa.String(36)),
    sa.Column("operation_state", sa.String(32)),
    sa.UniqueConstraint("guid", "tenancy_id"),
    sa.Index("ix_work_item_owner_id_state", "owner_id", "state"),
    sa.Index("ix_work_item_hidden_until", "hidden_until"),
)

offer = sa.Table(
    "offer",
    metadata,
    id_of("work_item", primary_key=True),
    id_of("entity", primary_key=True),
    tenancy_id(),
    # The tenancy stands in it so that nothing needs to be read but the index.
    sa.Index("ix_offer_entity_id_tenancy_id_work_item_id", "entity_id", "tenancy_id", "work_item_id"),
    comment="The original offer set of an item: it never changes, whatever the item's state.",
)

holder = sa.Table(
    "holder",
    metadata,
    id_of("work_item", primary_key=True),
    id_of("entity", primary_key=True),
    tenancy_id(),
    comment="Everyone who holds or has held an item.",
)

version_session = sa.Table(
    "version_session",
    metadata,
    sa.Column("guid", sa.String(36), primary_key=True),
    tenancy_id(primary_key=True),
    id_of("work_item", nullable=False),
    id_of("entity", nullable=False),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("opened_version", sa.BigInteger, nullable=False),
    sa.Column("ended_version", sa.BigInteger),
    sa.Column("state", sa.String(32), nullable=False, server_default="In Progress"),
    sa.Column("answers", sa.Text),
    sa.Column("operation_id", sa.String(36)),
    sa.Column("error", sa.Text),
    sa.Index("ix_version_session_work_item_id", "work_item_id"),
    comment="One row a version that was opened; ended_version is set by what closed it, answers are not saved yet.",
)

history = sa.Table(
    "history",
    metadata,
    id_of("work_item", primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    tenancy_id(),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("actor_id", BigInteger, sa.ForeignKey("entity.id")),
    sa.Column("at", Moment, nullable=False),
    sa.Column("state_before", sa.String(16)),
    sa.Column("state_after", sa.String(16), nullable=False),
    sa.Column("changed", sa.Text, nullable=False),
    sa.Column("fields", sa.Text),
    sa.Column("hash", sa.String(64), nullable=False, server_default=""),
    sa.Column("written_in", sa.BigInteger),
    sa.Index(
        "ix_history_written_in",
        "written_in",
        sqlite_where=sa.text("written_in IS NOT NULL"),
        postgresql_where=sa.text("written_in IS NOT NULL"),
    ),
    comment="One row a version; fields is the data model where this version changed it.",
)
"""`written_in`: on PostgreSQL the number of the transaction; none on SQLite. See change_numbers."""

work_type = sa.Table(
    "work_type",
    metadata,
    id_of("tenancy", primary_key=True),
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("definition", sa.Text, nullable=False),
)

pile = sa.Table(
    "pile",
    metadata,
    id_of("entity", primary_key=True),
    tenancy_id(),
    sa.Column("work_type_id", sa.String(255), nullable=False),
    sa.Column("length", sa.Integer, nullable=False),
    comment="How many items of one work type somebody has completed in a row, asking for the next each time.",
)

answered_request = sa.Table(
    "answered_request",
    metadata,
    id_of("entity", primary_key=True),
    sa.Column("request_id", sa.String(128), primary_key=True),
    tenancy_id(),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("ix_answered_request_at", "at"),
    comment="What a caller's request with an id of its own was answered, to say it again for a day.",
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    sa.Column("tenancy_id", BigInteger, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("actor", sa.String(100)),
    sa.Column("actor_guid", sa.String(64)),
    sa.Column("address", sa.String(64)),
    sa.Column("subject", sa.String(255)),
    sa.Column("detail", sa.Text),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("ix_audit_tenancy_id_id", "tenancy_id", "id"),
    comment="The audit log: triggers refuse every change of its rows. It outlives what it speaks of.",
)

recoverable_secret = sa.Table(
    "recoverable_secret",
    metadata,
    id_of("entity", primary_key=True),
    tenancy_id(),
    sa.Column("sealed", sa.Text, nullable=False),
    comment="Passwords that a key from outside the database opens, of those who sign in by digest.",
)

used_nonce = sa.Table(
    "used_nonce",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    tenancy_id(),
    sa.Column("until", Moment, nullable=False),
    sa.Index("ix_used_nonce_until", "until"),
    comment="Which tokens of single use were used; kept until their age alone would have them refused.",
)

service_principal = sa.Table(
    "service_principal",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    tenancy_id(),
    sa.Column("client", sa.String(100), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    id_of("entity", nullable=False),
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("secret_hash", sa.String(255), nullable=False),
    sa.Column("lifetime_seconds", sa.Integer),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.UniqueConstraint("tenancy_id", "client", "name"),
    comment="Programs that get tokens, each to act as a person.",
)

token_key = sa.Table(
    "token_key",
    metadata,
    sa.Column("kid", sa.String(36), primary_key=True),
    tenancy_id(),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("private_key", sa.Text),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("verifies_until", Moment),
    comment="Keys that sign tokens; one that was replaced keeps only its public half, to verify what it signed.",
)
