"""Many clients at once that record every acknowledged change, to be compared with what is stored."""

import base64
import http.client
import random
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.server import PASSWORD
from tests.support.soap import SERVICE_OF, envelope, request

_VERSION = re.compile(rb'version="(\d+)"')
_STATE = re.compile(rb'state="(\w+)"')
_FAULT = re.compile(rb"<detail><ex:(\w+)")
PAUSE_SECONDS = 0.05


@dataclass
class Record:
    """What the clients were told: acknowledged changes (item, version, operation), and how often what came."""

    acknowledged: list[tuple[int, int, str]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


class Client:
    """One SOAP client on a kept connection. A lost answer is an unknown outcome: it connects again and goes on."""

    def __init__(self, port: int, user: str, record: Record) -> None:
        self._port = port
        self._record = record
        token = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        self._headers = {"content-type": "text/xml; charset=utf-8", "authorization": f"Basic {token}"}
        self._connection: http.client.HTTPConnection | None = None
        self._pause = threading.Event()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, operation: str, content: str) -> bytes | None:
        """Give a successful answer; None for a fault or a lost answer, which are counted."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            message = envelope(request(operation, content))
            self._connection.request("POST", f"/amxbpm/{SERVICE_OF[operation]}", message, self._headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            self._record.outcomes["unknown"] += 1
            self._pause.wait(PAUSE_SECONDS)  # while the server is away, do not take its processor from it
            return None
        if response.status == 200:
            return answer
        fault = _FAULT.search(answer)
        self._record.outcomes[fault[1].decode() if fault else f"HTTP {response.status}"] += 1
        return None

    def change(self, operation: str, item: int, version: int | None) -> None:
        """Open or close an item, and record the version that was acknowledged."""
        supplied = "" if version is None else f' version="{version}"'
        answer = self.ask(operation, f'<workItemID id="{item}"{supplied}/>')
        if answer is None:
            return
        reached = _VERSION.search(answer)
        assert reached, answer
        self._record.acknowledged.append((item, int(reached[1]), operation))
        self._record.outcomes["acknowledged"] += 1

    def work_on(self, item: int, *, with_versions: bool) -> None:
        """Close an item that is open, or open one that is pended."""
        header = self.ask("getWorkItemHeader", f'<workItemID id="{item}"/>')
        if header is None:
            return
        version, state = _VERSION.search(header), _STATE.search(header)
        assert version
        assert state
        operation = "closeWorkItem" if state[1] == b"OPENED" else "openWorkItem"
        self.change(operation, item, int(version[1]) if with_versions else None)


def run_clients(
    port: int, user: str, items: Sequence[int], *, clients: int, seconds: float, with_versions: bool,
    meanwhile: Callable[[float], None] = lambda deadline: None,
) -> Record:  # fmt: skip
    """Let many clients work on random items for some time; `meanwhile` runs beside them, until the deadline."""
    record = Record()
    deadline = time.monotonic() + seconds
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        choose = random.Random(seed)
        client = Client(port, user, record)
        try:
            while time.monotonic() < deadline:
                client.work_on(choose.choice(items), with_versions=with_versions)
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            client.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    meanwhile(deadline)
    for thread in threads:
        thread.join()
    assert not errors
    return record


def check_gapless(database: Path) -> dict[int, int]:
    """Check that every item has one history row a version, without gaps; give each item's stored version."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        versions = dict(connection.execute("SELECT id, version FROM work_item"))
        history: dict[int, list[int]] = {}
        rows = connection.execute("SELECT work_item_id, version FROM history ORDER BY work_item_id, version")
        for item, version in rows:
            history.setdefault(item, []).append(version)
    assert history == {item: list(range(version + 1)) for item, version in versions.items()}
    return versions


def history_of(database: Path) -> dict[tuple[int, int], str]:
    """Give the operation that made each version of each item."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT work_item_id, version, action FROM history")
        return {(item, version): action for item, version, action in rows}
