"""The databases of the lists' bench: one worker's list of some 10,000 items, alone or among a million others."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from rich.progress import track

from bench import server
from soapsvc.storage import tables
from soapsvc.storage.database import SQLITE
from soapsvc.storage.list_tables import SLOTS, list_entry
from soapsvc.testing.service import ServiceUnderTest, in_process

PORTION = 50_000
LIST = 10_000
WORKER = "worker"
"""His GUID, too; he is in two of the groups."""

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT CAST(:first AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
_NUMBER, _CUSTOMER = "i * 104729 % 1000003", "'customer-' || (i * 31 % 997)"
_SHOWN = {
    "name": "m.name || ' ' || i",
    "priority": "CAST(i * 7919 % 100 + 1 AS integer)",
    "end_at": "1800000000000000 + i * 15485863 % 100000000 * 1000000",
}
_GROUP = {"work_item_id": "i", "entity_id": ":group + i % :groups"}
_JSON = f"""'{{"attribute1":' || ({_NUMBER}) || ',"attribute2":"' || {_CUSTOMER} || '"}}'"""
_OF_COPIES: Mapping[sa.Table, Mapping[str, str]] = {
    tables.work_item: {"id": "i", "guid": "'guid-' || i", "attributes": _JSON, "history_hash": "''"} | _SHOWN,
    tables.offer: _GROUP,
    list_entry: {"attribute1": _NUMBER, "attribute2": _CUSTOMER, "due": _SHOWN["end_at"]}
    | {"slot": f"({_GROUP['entity_id']}) % {SLOTS}"}
    | _GROUP
    | _SHOWN,
}
"""Which columns of a copy differ from the model's, and their values, of the number `i`; none has a history."""


@dataclass(frozen=True)
class Size:
    """How many items, resources and groups there are."""

    items: int
    resources: int
    groups: int


@dataclass(frozen=True)
class Place:
    """Where a database is: its URL, and the folder in which it says that it was made."""

    url: sa.URL
    folder: Path

    @contextmanager
    def served(self) -> Iterator[ServiceUnderTest]:
        """Run the service on it, in this process."""
        with (
            TemporaryDirectory() as name,
            in_process(Path(name), database=self.url.render_as_string(hide_password=False)) as service,
        ):
            yield service

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """Give a connection behind the service's back."""
        is_file = self.url.get_backend_name() == SQLITE
        engine = sa.create_engine(self.url if is_file else self.url.set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            yield connection
        engine.dispose()


def expected(place: Place) -> list[int]:
    """Make of the worker's list, in plain Python, what the filter and the order of the bench make of it."""
    query = (
        "SELECT e.work_item_id, e.priority, e.attribute1, e.attribute2 FROM list_entry e "
        "JOIN membership m ON m.container_id = e.entity_id JOIN entity p ON p.id = m.member_id WHERE p.guid = :worker"
    )
    with place.connected() as connection:
        rows = connection.execute(sa.text(query), {"worker": WORKER}).all()
    wanted = [row for row in rows if row[1] < 80 and (row[3] or "").startswith("customer-1")]
    return [row[0] for row in sorted(wanted, key=lambda row: (row[1], -row[2], row[0]))]


@contextmanager
def places(kind: str, folder: Path, sizes: Sequence[Size]) -> Iterator[list[Place]]:
    """Give a database for each of these sizes, made where it is not yet there, on a server that runs meanwhile."""
    made = [folder / f"{kind}-{size.items}" for size in sizes]
    for one in made:
        one.mkdir(parents=True, exist_ok=True)
    if kind == SQLITE:
        found = [Place(sa.URL.create(SQLITE, database=str(one / "soapsvc.db")), one) for one in made]
        _fill_all(found, sizes)
        yield found
        return
    with server.started(folder / "server") as running:
        for size in sizes:
            running.make_once(f"lists_{size.items}")
        found = [
            Place(sa.make_url(running.of(f"lists_{size.items}")), one) for size, one in zip(sizes, made, strict=True)
        ]
        _fill_all(found, sizes)
        yield found


def _fill_all(found: Sequence[Place], sizes: Sequence[Size]) -> None:
    for place, size in zip(found, sizes, strict=True):
        if not (place.folder / "made").exists():
            _fill(place, size)
            (place.folder / "made").touch()


def _fill(place: Place, size: Size) -> None:
    """Make the groups, the people in them, and the items: all are copies of one that the service has made."""
    with place.served() as service:
        worker = service.person(WORKER, guid=WORKER)
        (model,) = service.items(1, worker)
    with place.connected() as connection:
        _forget_safety(connection)
        _copy_items(connection, model, _add_people(connection, size), size)
        _look_at_it(connection)


def _forget_safety(connection: sa.Connection) -> None:
    """Write without flushes and without a look at references: what is lost is made again."""
    if connection.dialect.name == SQLITE:
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        connection.exec_driver_sql("PRAGMA cache_size = -1000000")
    else:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("SET synchronous_commit = off")
    connection.commit()


def _look_at_it(connection: sa.Connection) -> None:
    """Let PostgreSQL know what it has, as its autovacuum would in time."""
    if connection.dialect.name != SQLITE:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _add_people(connection: sa.Connection, size: Size) -> int:
    """Make groups, of which the worker is in the first two, and everybody else in two; give the first one's id."""
    worker = connection.execute(sa.select(tables.entity).where(tables.entity.c.guid == WORKER)).mappings().one()
    group = connection.execute(sa.select(sa.func.max(tables.entity.c.id))).scalar_one() + 1
    groups = range(group, group + size.groups)
    resources = range(group + size.groups, group + size.groups + size.resources)
    kinds = dict.fromkeys(groups, "GROUP") | dict.fromkeys(resources, "RESOURCE")
    rows = [
        dict(worker) | {"id": one, "type": kind, "guid": f"g{one}", "guid_key": f"g{one}", "name": f"{kind} {one}"}
        for one, kind in kinds.items()
    ]
    connection.execute(sa.insert(tables.entity), rows)
    both = [(one, group + (one + step) % size.groups) for one in resources for step in (0, 1)]
    both += [(worker["id"], group), (worker["id"], group + 1)]
    links = [{"tenancy_id": worker["tenancy_id"], "container_id": into, "member_id": one} for one, into in both]
    connection.execute(sa.insert(tables.membership), links)
    connection.commit()
    return group


def _copy_items(connection: sa.Connection, model: int, group: int, size: Size) -> None:
    statements = [sa.text(_copying(table, values)) for table, values in _OF_COPIES.items()]
    bound = {"model": model, "group": group, "groups": size.groups}
    portions = range(model + 1, model + size.items, PORTION)
    for first in track(portions, description=f"Making {size.items:,} items on {connection.dialect.name}"):
        last = min(first + PORTION, model + size.items) - 1
        for statement in statements:
            connection.execute(statement, bound | {"first": first, "last": last})
        connection.commit()


def _copying(table: sa.Table, values: Mapping[str, str]) -> str:
    """Give what inserts copies of the model's row, with other values in some columns."""
    columns = ", ".join(column.name for column in table.c)
    shown = ", ".join(values.get(column.name, f"m.{column.name}") for column in table.c)
    key = "id" if table is tables.work_item else "work_item_id"
    model = f"(SELECT * FROM {table.name} WHERE {key} = :model LIMIT 1) AS m"  # noqa: S608
    return f"{_NUMBERS} INSERT INTO {table.name} ({columns}) SELECT {shown} FROM {model} CROSS JOIN n"  # noqa: S608
