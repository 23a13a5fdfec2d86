"""How long a page of a long work list takes, among few items and among a million: `make bench-lists`.

It makes two databases on SQLite and two on PostgreSQL. In each the worker has a list of some 10,000 items: in the small
ones there is nothing else, in the large ones there are 2,000 resources in 200 groups and a million items. It asks the
service, a process of its own, for pages of 100 rows, one after the other, and ends with an error if a page is not what
plain Python makes of the list.
"""

import argparse
import http.client
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lxml import etree
from rich.console import Console
from rich.table import Table

from bench import list_data, messages, processes, racers, turn
from bench.list_data import LIST, WORKER, Place, Size, expected
from soapsvc import serving
from soapsvc.front import READY
from soapsvc.list_language import parse_filter, parse_order
from soapsvc.storage import people, standing, work_lists
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.work_lists import Listing, Scope
from soapsvc.testing.service import PASSWORD

KINDS = ("sqlite", "postgresql")
ROWS = 100
MOST_MILLISECONDS, MOST_RATIO = 10.0, 1.5
ORDER, FILTER = "priority ASC, attribute1 DESC", "priority < 80 AND attribute2='customer-1*'"
CRITERIA = (
    f"<orderFilterCriteria><order>{ORDER}</order><filter>{FILTER.replace('<', '&lt;')}</filter></orderFilterCriteria>"
)
JUDGED = "page 1, filter and order"
SMALL = Size(items=LIST, resources=10, groups=2)


AUTHORIZATION = messages.basic(WORKER, PASSWORD)


@dataclass(frozen=True)
class Asking:
    """Asks a service for pages of the worker's list, of 100 rows unless said otherwise, over one connection."""

    connection: http.client.HTTPConnection
    leader: int
    """The number of the service's process."""

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
        headers = {"content-type": "text/xml", "authorization": AUTHORIZATION}
        self.connection.request("POST", "/amxbpm/WorkListService", body.encode(), headers)
        answer = self.connection.getresponse()
        message = answer.read()
        if answer.status != 200:
            raise SystemExit(f"a page was answered {answer.status}: {message.decode()}")
        return message

    def median(self, act: Callable[[], object], times: int) -> "Taken":
        """Say how long something takes that is done so many times."""
        took = []
        used = processes.usage(self.leader)[1]
        for _ in range(times):
            began = time.perf_counter()
            act()
            took.append(time.perf_counter() - began)
        used = processes.usage(self.leader)[1] - used
        return Taken(statistics.median(took) * 1000, used / times * 1000)


def ids(page: etree._Element) -> list[int]:
    """Give the ids of a page's rows."""
    return [int(identity.get("id", "")) for identity in page.iterfind("workItems/id")]


@dataclass(frozen=True)
class Taken:
    """Milliseconds that a request took: the median by the client's clock, and the mean of the service's own CPU."""

    clock: float
    cpu: float


def _ask_whether_ready(port: int) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", READY)
        return connection.getresponse().status


@contextmanager
def served(place: Place) -> Iterator[Asking]:
    """Run the service on a database until the block ends."""
    port = serving.free_port()
    url = place.url.render_as_string(hide_password=False)
    with TemporaryDirectory(prefix="lists-") as name:
        process = racers.serve(Path(name), port, processes=1, database=url)
        try:
            turn.wait_until_it_answers(process, Path(name), port, _ask_whether_ready)
            yield Asking(http.client.HTTPConnection("127.0.0.1", port, timeout=60), process.pid)
        finally:
            processes.end(process)


def cursors(asking: Asking, criteria: str, wanted: Sequence[int] | None = None) -> list[str | None]:
    """Walk through the list; give the cursor of each full page. Ends the program where it is not what is wanted."""
    found: list[int] = []
    full: list[str | None] = []
    cursor: str | None = None
    while True:
        answer = asking.page(criteria=criteria, **({} if cursor is None else {"cursor": cursor}))
        rows = ids(answer)
        found += rows
        if len(rows) == ROWS:
            full.append(cursor)
        cursor = answer.get("nextCursor")
        if cursor is None:
            break
    if wanted is not None and found != wanted:
        raise SystemExit(f"the pages are not what plain Python makes of the list: {len(found)} rows, {len(wanted)}")
    return full


def measure(place: Place, times: int) -> dict[str, Taken]:
    """Walk through the list by cursor, check every page, and measure the first, a deep and some other pages."""
    with served(place) as asking:
        filtered, whole = cursors(asking, CRITERIA, expected(place)), cursors(asking, "")
        acts: dict[str, Callable[[], object]] = {
            JUDGED: asking.send,
            f"page {len(filtered)} by cursor, the last full one": partial(asking.send, cursor=filtered[-1]),
            "page 1 with the total, filter and order": partial(asking.send, getTotalCount="true"),
            "page 1, no filter": partial(asking.send, criteria=""),
            f"page {len(whole)} by cursor, no filter": partial(asking.send, criteria="", cursor=whole[-1]),
            f"page {len(whole)} by position, no filter": partial(
                asking.send, criteria="", startPosition=(len(whole) - 1) * ROWS
            ),
            "one row, no filter": partial(asking.send, criteria="", numberOfItems=1),
        }
        return {what: asking.median(act, times) for what, act in acts.items()}


def plans(place: Place) -> dict[str, str]:
    """Give how the database reads a page by filter and order, one in the default order, and finds the next item."""
    database = open_database(place.url)
    ours = InTenancy(database, 1)

    def told(tx: Transaction) -> dict[str, str]:
        worker = people.find_resource(tx, WORKER)
        if worker is None:
            raise SystemExit("there is no worker")
        listing = Listing(scope=Scope.OWN, entities=sorted(standing.of(tx, worker).entities))
        page = partial(work_lists.plan_of_page, tx, listing, place=work_lists.Place(), most=ROWS)
        by_default = parse_order("")
        told = {
            "page, filter and order": page(condition=parse_filter(FILTER), order=parse_order(ORDER)),
            "page, default order": page(condition=None, order=by_default),
            "the next item": work_lists.plan_of_next(tx, listing, condition=None, order=by_default),
        }
        return {what: "\n".join(lines) for what, lines in told.items()}

    try:
        return ours.write(told).result()
    finally:
        database.close()


def main() -> None:
    """Make what is not there, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--only", choices=KINDS, help="one of the databases alone")
    parser.add_argument("--folder", type=Path, help="where the databases are made, left, and found again")
    asked = parser.parse_args()
    large = Size(items=asked.items, resources=2_000, groups=200)
    with TemporaryDirectory(prefix="lists-") as name:
        for kind in KINDS if asked.only is None else (asked.only,):
            with list_data.places(kind, asked.folder or Path(name), [SMALL, large]) as (few, many):
                _print(kind, large, measure(few, asked.times), measure(many, asked.times), plans(many))


def _print(
    kind: str, large: Size, few: Mapping[str, Taken], many: Mapping[str, Taken], told: Mapping[str, str]
) -> None:
    console = Console(width=110, highlight=False)
    console.print(
        f"{kind}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}: "
        "ms by the client's clock (the service's own CPU)"
    )
    table = Table("", f"among {SMALL.items:,}", f"among {large.items:,}", "ratio")
    for (what, small), taken in zip(few.items(), many.values(), strict=True):
        table.add_row(what, _shown(small), _shown(taken), f"{taken.clock / small.clock:.2f}")
    console.print(table)
    clock, ratio = many[JUDGED].clock, many[JUDGED].clock / few[JUDGED].clock
    is_met = clock <= MOST_MILLISECONDS and ratio <= MOST_RATIO
    console.print(
        f"{JUDGED}: {clock:.1f} ms, to be at most {MOST_MILLISECONDS:g}; {ratio:.2f} times that among few, to be at "
        f"most {MOST_RATIO}: {'met' if is_met else 'NOT met'}"
    )
    for what, plan in told.items():
        console.print(f"\n{kind}: {what}\n{plan}", markup=False, soft_wrap=True)


def _shown(taken: Taken) -> str:
    return f"{taken.clock:.1f} ({taken.cpu:.1f})"


if __name__ == "__main__":
    main()
