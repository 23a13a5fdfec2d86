"""What a service has stored in the end, read from its database without the service's code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

_ROWS = sa.text(
    "SELECT h.work_item_id, h.version, h.action, e.name, h.state_before, h.state_after, h.fields, h.at "
    "FROM history h LEFT JOIN entity e ON e.id = h.actor_id ORDER BY h.work_item_id, h.version"
)
_ITEMS = sa.text("SELECT id, version, state, fields, operation_state FROM work_item")
_SESSIONS = sa.text("SELECT guid, work_item_id, state, opened_version, ended_version FROM version_session")
_OPERATIONS = sa.text(
    "SELECT o.kind, o.session_guid, o.work_item_id, e.name, o.accepted_version, o.finished_at, o.item_version, o.error "
    "FROM version_operation o JOIN entity e ON e.id = o.entity_id"
)
_JOBS = sa.text("SELECT kind, ref FROM job WHERE kind IN ('SaveAndClose', 'Complete')")
_RUNNING = sa.text("SELECT count(*) FROM work_item WHERE operation_id IS NOT NULL")


class Row(NamedTuple):
    """One row of the history: how an item came to a version. `token` is in the data from there on."""

    version: int
    action: str
    actor: str | None
    state_before: str | None
    state_after: str
    token: str | None
    at: int = 0
    is_new: bool = True
    """Whether this version changed the data."""


class Session(NamedTuple):
    """A version of an item that clients know by a GUID: where it stands, and at which versions it began and ended."""

    item: int
    state: str
    opened: int
    ended: int | None = None


class Operation(NamedTuple):
    """What was to end a version, and what it came to: the item's version after it, or the code of an error."""

    kind: str
    session: str
    item: int
    actor: str | None
    accepted: int
    is_finished: bool
    version: int | None = None
    error: str | None = None


@dataclass
class Stored:
    """The history rows of every item, by version, and what the item itself says: version, state and token."""

    rows: Mapping[int, Sequence[Row]]
    items: Mapping[int, tuple[int, str, str | None]]
    broken: Sequence[int] = field(default_factory=list)
    """The items whose chain of hashes does not hold."""
    sessions: Mapping[str, Session] = field(default_factory=dict)
    operations: Sequence[Operation] = ()
    left: Sequence[str] = ()
    """What is still at work: jobs, and items that are kept for an operation."""


def read(url: str, broken: Sequence[int] = ()) -> Stored:
    """Read everything."""
    engine = sa.create_engine(_address(url), poolclass=sa.NullPool)
    rows: dict[int, list[Row]] = {}
    with engine.connect() as connection:
        token: str | None = None
        for item, version, action, actor, before, after, fields, at in connection.execute(_ROWS):
            history = rows.setdefault(item, [])
            token = _token_of(fields) if fields is not None else token if history else None
            history.append(Row(version, action, actor, before, after, token, at, fields is not None))
        found = connection.execute(_ITEMS)
        items, left = {}, []
        for item, version, state, fields, running in found:
            items[item] = (version, state, _token_of(fields))
            if running is not None:
                left.append(f"item {item} is {running}")
        left += [f"there is a job for the {kind} {ref}" for kind, ref in connection.execute(_JOBS)]
        sessions = {guid: Session(*rest) for guid, *rest in connection.execute(_SESSIONS)}
        asked = [
            Operation(*rest, finished is not None, version, None if error is None else json.loads(error)["code"])
            for *rest, finished, version, error in connection.execute(_OPERATIONS)
        ]
    engine.dispose()
    return Stored(rows, items, list(broken), sessions, asked, left)


def count_left(url: str) -> int:
    """Say how much is still at work in the background."""
    engine = sa.create_engine(_address(url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        left = len(connection.execute(_JOBS).all()) + int(connection.execute(_RUNNING).scalar_one())
    engine.dispose()
    return left


def _address(url: str) -> sa.URL:
    address = sa.make_url(url)
    return address.set(drivername="postgresql+psycopg") if address.get_backend_name() == "postgresql" else address


def _token_of(fields: str) -> str | None:
    for one in json.loads(fields):
        if one["name"] == "Notes":
            return next(iter(one.get("values") or ()), None)
    return None
