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
_ITEMS = sa.text("SELECT id, version, state, fields FROM work_item")


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


@dataclass
class Stored:
    """The history rows of every item, by version, and what the item itself says: version, state and token."""

    rows: Mapping[int, Sequence[Row]]
    items: Mapping[int, tuple[int, str, str | None]]
    broken: Sequence[int] = field(default_factory=list)
    """The items whose chain of hashes does not hold."""


def read(url: str, broken: Sequence[int] = ()) -> Stored:
    """Read everything."""
    address = sa.make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    rows: dict[int, list[Row]] = {}
    with engine.connect() as connection:
        token: str | None = None
        for item, version, action, actor, before, after, fields, at in connection.execute(_ROWS):
            history = rows.setdefault(item, [])
            token = _token_of(fields) if fields is not None else token if history else None
            history.append(Row(version, action, actor, before, after, token, at, fields is not None))
        found = connection.execute(_ITEMS)
        items = {item: (version, state, _token_of(fields)) for item, version, state, fields in found}
    engine.dispose()
    return Stored(rows, items, list(broken))


def _token_of(fields: str) -> str | None:
    for one in json.loads(fields):
        if one["name"] == "Notes":
            return next(iter(one.get("values") or ()), None)
    return None
