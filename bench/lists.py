"""How long a page of a long work list takes, among few items and among a million: `make bench-lists`.

It makes two databases. In both the worker has a list of some 10,000 items: in the small one there is nothing else, in
the large one there are 2,000 resources in 200 groups and a million items. It asks the service, within this process,
for pages of 100 rows, and ends with an error if a page is not what plain Python makes of the list.
"""

import argparse
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from lxml import etree
from rich.console import Console
from rich.progress import track
from rich.table import Table

from soapsvc.testing.service import Person, ServiceUnderTest, in_process

PORTION = 10_000
LIST = 10_000
ROWS = 100
CRITERIA = (
    "<orderFilterCriteria><order>priority ASC, attribute1 DESC</order>"
    "<filter>priority &lt; 80 AND attribute2='customer-1*'</filter></orderFilterCriteria>"
)
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last) "
_ITEM = (
    _NUMBERS  # noqa: S608 - nothing of it comes from outside
    + "INSERT INTO work_item (id, tenancy_id, guid, version, state, name, description, priority, distribution, "
    "group_id, work_type_id, attributes, context, start_at, end_at, fields, owner_id, session_guid, "
    "offered_when_opened, state_before_hiding, hidden_until, state_before_suspension, data_rescheduled, history_hash) "
    "SELECT i, tenancy_id, 'guid-' || i, 0, 'OFFERED', name || ' ' || i, description, {priority}, distribution, NULL, "
    "NULL, json_object('attribute1', {number}, 'attribute2', {customer}), context, NULL, {end}, fields, NULL, NULL, 0, "
    "NULL, NULL, NULL, 0, '' FROM n, work_item WHERE id = :model"
)
_OFFER = _NUMBERS + "INSERT INTO offer (work_item_id, entity_id, tenancy_id) SELECT i, {group}, :tenancy FROM n"  # noqa: S608
_ENTRY = (
    _NUMBERS + "INSERT INTO list_entry (entity_id, work_item_id, tenancy_id, rank, state, priority, start_at, end_at, "
    "distribution, name, app_instance, app_name, attribute1, attribute2) SELECT {group}, i, tenancy_id, 0, state, "
    "{priority}, NULL, {end}, distribution, name || ' ' || i, app_instance, app_name, {number}, {customer} "
    "FROM n, list_entry WHERE entity_id = :person AND work_item_id = :model"
)
_VALUES = {
    "priority": "i * 7919 % 100 + 1",
    "number": "i * 104729 % 1000003",
    "customer": "'customer-' || (i * 31 % 997)",
    "end": "1800000000000000 + i * 15485863 % 100000000 * 1000000",
    "group": "(:group + i % :groups)",
}


@dataclass(frozen=True)
class Size:
    """How many items, resources and groups there are."""

    items: int
    resources: int
    groups: int


SMALL = Size(items=LIST, resources=10, groups=2)


def fill(service: ServiceUnderTest, path: Path, size: Size) -> Person:
    """Make the groups, the people in them, and the items; give the worker, who is in two groups of the first."""
    worker = service.person("worker")
    (model,) = service.items(1, worker)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        tenancy, person = database.execute("SELECT tenancy_id, id FROM entity WHERE name = 'worker'").fetchone()
        group = database.execute("SELECT max(id) FROM entity").fetchone()[0] + 1
        _add_people(database, tenancy, person, group, size)
        bound = {"model": model, "person": person, "group": group, "groups": size.groups, "tenancy": tenancy}
        statements = [statement.format(**_VALUES) for statement in (_ITEM, _OFFER, _ENTRY)]
        portions = range(model + 1, model + size.items, PORTION)
        for first in track(portions, description=f"Making {size.items:,} items"):
            last = min(first + PORTION, model + size.items) - 1
            database.execute("BEGIN")
            for statement in statements:
                database.execute(statement, bound | {"first": first, "last": last})
            database.execute("COMMIT")
    return worker


def _add_people(database: sqlite3.Connection, tenancy: int, person: int, group: int, size: Size) -> None:
    entity = "INSERT INTO entity (id, tenancy_id, type, guid, guid_key, name) VALUES (?, ?, ?, ?, ?, ?)"
    member = "INSERT INTO membership (tenancy_id, container_id, member_id) VALUES (?, ?, ?)"
    groups = range(group, group + size.groups)
    resources = range(group + size.groups, group + size.groups + size.resources)
    database.execute("BEGIN")
    database.executemany(entity, [(one, tenancy, "GROUP", f"g{one}", f"g{one}", f"group {one}") for one in groups])
    database.executemany(
        entity, [(one, tenancy, "RESOURCE", f"r{one}", f"r{one}", f"person {one}") for one in resources]
    )
    both = [(one, group + (one + step) % size.groups) for one in resources for step in (0, 1)]
    database.executemany(member, [(tenancy, container, one) for one, container in both])
    database.executemany(member, [(tenancy, group, person), (tenancy, group + 1, person)])
    database.execute("COMMIT")


@dataclass(frozen=True)
class Asking:
    """Asks for pages of one person's list, of 100 rows unless said otherwise."""

    session: requests.Session
    address: str
    person: Person

    def page(self, *, criteria: str = CRITERIA, **attributes: object) -> etree._Element:
        """Give the element that answers."""
        element: etree._Element = etree.fromstring(self.send(criteria=criteria, **attributes))[-1][0]
        return element

    def send(self, *, criteria: str = CRITERIA, **attributes: object) -> bytes:
        """Give the message that answers, as it is."""
        asked = {"numberOfItems": ROWS, "getTotalCount": "false"} | attributes
        given = "".join(f' {name}="{value}"' for name, value in asked.items())
        body = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            f'<a:getWorkListItems xmlns:a="http://api.brm.n2.tibco.com"{given}>'
            f"<resourcesRequired>MINE</resourcesRequired>{criteria}</a:getWorkListItems></s:Body></s:Envelope>"
        )
        answer = self.session.post(
            f"{self.address}/amxbpm/WorkListService",
            data=body.encode(),
            headers={"content-type": "text/xml"},
            auth=(self.person.name, self.person.password),
        )
        answer.raise_for_status()
        return answer.content


def ids(page: etree._Element) -> list[int]:
    """Give the ids of a page's rows."""
    return [int(identity.get("id", "")) for identity in page.iterfind("workItems/id")]


def expected(path: Path) -> list[int]:
    """Make of the worker's list, in plain Python, what its filter and its order make of it."""
    query = (
        "SELECT e.work_item_id, e.priority, e.attribute1, e.attribute2 FROM list_entry e "
        "JOIN membership m ON m.container_id = e.entity_id JOIN entity p ON p.id = m.member_id WHERE p.name = 'worker'"
    )
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(query).fetchall()
    wanted = [row for row in rows if row[1] < 80 and (row[3] or "").startswith("customer-1")]
    return [row[0] for row in sorted(wanted, key=lambda row: (row[1], -row[2], row[0]))]


@dataclass(frozen=True)
class Taken:
    """Median milliseconds by the clock, and of this process's CPU: other work on the machine disturbs them less."""

    clock: float
    cpu: float


def median(act: Callable[[], object], times: int) -> Taken:
    """Say how long something takes that is done so many times."""
    clock, cpu = [], []
    for _ in range(times):
        began, began_on_cpu = time.perf_counter(), time.process_time()
        act()
        clock.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_on_cpu)
    return Taken(statistics.median(clock) * 1000, statistics.median(cpu) * 1000)


def measure(asking: Asking, path: Path, times: int) -> dict[str, Taken]:
    """Walk through the list by cursor, check every page, and measure the first, a deep and some other pages."""
    wanted = expected(path)
    cursors: list[str | None] = [None]
    found: list[int] = []
    while True:
        cursor = cursors[-1]
        answer = asking.page(**({} if cursor is None else {"cursor": cursor}))
        found += ids(answer)
        if answer.get("nextCursor") is None:
            break
        cursors.append(answer.get("nextCursor"))
    if found != wanted:
        raise SystemExit(f"the pages are not what plain Python makes of the list: {len(found)} rows, {len(wanted)}")
    last = cursors[-2] if len(cursors) > 1 else None
    whole: list[str] = []
    cursor = None
    while len(whole) < LIST // ROWS - 2:
        answer = asking.page(criteria="", **({} if cursor is None else {"cursor": cursor}))
        cursor = answer.get("nextCursor")
        whole.append(str(cursor))
    return {
        "first page, filter and order": median(asking.send, times),
        "last full page by cursor, filter and order": median(
            lambda: asking.send(**({"cursor": last} if last else {})), times
        ),
        "first page with the total": median(lambda: asking.send(getTotalCount="true"), times),
        "first page, default order, no filter": median(lambda: asking.send(criteria=""), times),
        f"page {len(whole) + 1} by cursor, no filter": median(lambda: asking.send(criteria="", cursor=cursor), times),
        f"page {len(whole) + 1} by position, no filter": median(
            lambda: asking.send(criteria="", startPosition=len(whole) * ROWS), times
        ),
        "one row": median(lambda: asking.send(numberOfItems=1), times),
    }


def run(folder: Path, size: Size, times: int) -> dict[str, Taken]:
    """Make a database in a folder and measure in it."""
    folder.mkdir(parents=True)
    with in_process(folder) as service:
        path = folder / "soapsvc.db"
        worker = fill(service, path, size)
        asking = Asking(service.transport().session, service.address, worker)
        return measure(asking, path, times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the databases are made, and left")
    asked = parser.parse_args()
    large = Size(items=asked.items, resources=2_000, groups=200)
    with TemporaryDirectory() as name:
        folder = asked.folder or Path(name)
        few = run(folder / "small", SMALL, asked.times)
        many = run(folder / "large", large, asked.times)
    table = Table("ms by the clock (CPU)", f"among {SMALL.items:,}", f"among {large.items:,}", "ratio of CPU")
    for what, taken in many.items():
        table.add_row(what, _shown(few[what]), _shown(taken), f"{taken.cpu / few[what].cpu:.2f}")
    Console().print(table)


def _shown(taken: Taken) -> str:
    return f"{taken.clock:.1f} ({taken.cpu:.1f})"


if __name__ == "__main__":
    main()
