"""How long hidden items that are all due at once take to come back, while SOAP calls go on: `make bench-timers`.

It hides the items with a clock that stands in the past, then starts a server, for which all are overdue, and asks for
headers until the last is back. It ends with an error if an item did not come back, or came back twice.
"""

import argparse
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from rich.progress import track

from soapsvc import serving
from soapsvc.client import Client
from soapsvc.testing.service import Person, ServiceUnderTest, in_process

PORTION = 500
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
COUNT = "SELECT count(*) FROM work_item WHERE state = ?"


def hide_items(service: ServiceUnderTest, person: Person, count: int) -> list[int]:
    """Make items that somebody took and closed, hidden for an hour that was over long ago."""
    service.clock.freeze(LONG_AGO)
    client = service.client(person)
    until = LONG_AGO + timedelta(hours=1)
    made: list[int] = []
    for _ in track(range(0, count, PORTION), description="Hiding items"):
        portion = service.items(PORTION, person)
        client.management.allocateAndOpenWorkItem(
            _value_1=[{"workItemID": {"id": item}, "resource": person.guid} for item in portion]
        )
        client.management.closeWorkItem(
            _value_1=[{"workItemID": {"id": item}, "hiddenPeriod": {"visibleDate": until}} for item in portion]
        )
        made += portion
    return made


@contextmanager
def server(folder: Path, port: int) -> Iterator[None]:
    """Run a server in a folder; it is ready when the block begins."""
    process = subprocess.Popen([sys.executable, "-m", "soapsvc", "serve", "--port", str(port)], cwd=folder)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urlopen(f"http://127.0.0.1:{port}/health/live").close()
                break
            except (URLError, ConnectionError):
                time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait()


def ask_until_all_are_back(client: Client, item: int, database: sqlite3.Connection) -> tuple[float, list[float]]:
    """Read one item's header again and again; give the seconds until none was hidden, and those of each call."""
    started = time.monotonic()
    calls = []
    while database.execute(COUNT, ("PENDHIDDEN",)).fetchone()[0]:
        asked = time.monotonic()
        client.management.getWorkItemHeader(workItemID=[{"id": item}])
        calls.append(time.monotonic() - asked)
    return time.monotonic() - started, calls


def check(database: sqlite3.Connection, made: list[int]) -> None:
    """End with an error unless each item came back exactly once."""
    query = "SELECT work_item_id, count(*) FROM history WHERE action = 'reappear' GROUP BY work_item_id"
    if dict(database.execute(query)) != dict.fromkeys(made, 1):
        raise SystemExit("items did not come back exactly once")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    count = parser.parse_args().items
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), serving.free_port()
        with in_process(folder) as service:
            person = service.person("ana")
            made = hide_items(service, person, count)
        with server(folder, port), closing(sqlite3.connect(folder / "soapsvc.db")) as database:
            client = Client(f"http://127.0.0.1:{port}", person.name, person.password)
            seconds, calls = ask_until_all_are_back(client, made[0], database)
            check(database, made)
    print(f"{len(made)} items came back in {seconds:.1f} s: {len(made) / seconds:.0f} a second")
    calls.sort()
    print(
        f"meanwhile {len(calls)} calls of getWorkItemHeader: median {statistics.median(calls) * 1000:.1f} ms, "
        f"p99 {calls[int(len(calls) * 0.99)] * 1000:.1f} ms, worst {calls[-1] * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
