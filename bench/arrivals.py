"""Sends changes at a constant rate, whether or not answers come, and measures each from when it should have been sent.

A load generator with a fixed number of waiting clients sends less while a server stalls, and so hides the stall. This
one does not wait: what is due while all connections are busy waits in line, and its waiting counts. It reads and writes
the same files as requests.lua, and is run by bench.load as a process of its own.
"""

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter, deque
from pathlib import Path

from bench import ledger

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_IN_CHUNKS = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_BOTH = re.compile(rb'\sid="(\d+)"\s+version="(\d+)"')
_TAG = re.compile(rb"<[^>]+>")
_ID = re.compile(rb'\sid="(\d+)"')
_VERSION = re.compile(rb'\sversion="(\d+)"')
_LAST_CHUNK = b"0\r\n\r\n"
_DRAIN_SECONDS = 2.0


class Connection:
    """One connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.socket = self._connected()
        self.item = 0
        self.due = 0.0
        self.received = b""

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def send(self, item: int, due: float, request: bytes) -> None:
        """Send a request."""
        self.item, self.due, self.received = item, due, b""
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Take in what has come; give the whole answer once it is there, and an empty one if the server hung up."""
        portion = self.socket.recv(65536)
        self.received += portion
        if not portion:
            return b""
        return self.received if _is_whole(self.received) else None

    def renew(self) -> None:
        """Connect anew, after the server has closed the connection."""
        self.socket.close()
        self.socket = self._connected()


def _is_whole(received: bytes) -> bool:
    head, divider, body = received.partition(b"\r\n\r\n")
    if not divider:
        return False
    if found := _LENGTH.search(head):
        return len(body) >= int(found[1])
    return bool(_IN_CHUNKS.search(head)) and body.endswith(_LAST_CHUNK)


def identify(body: bytes) -> tuple[int, int] | None:
    """Give the id and version of the first element that has both."""
    if both := _BOTH.search(body):
        return int(both[1]), int(both[2])
    for tag in _TAG.findall(body):
        item, version = _ID.search(tag), _VERSION.search(tag)
        if item and version:
            return int(item[1]), int(version[1])
    return None


class Arrivals:
    """Requests at a constant rate over a few connections."""

    def __init__(self, folder: Path, port: int, connections: int) -> None:
        self._ledger = ledger.read(folder)
        self._ready = deque(sorted(set(self._ledger.acknowledged) - self._ledger.pending))
        self._messages = {
            name: ((folder / f"{name}.head").read_bytes(), (folder / f"{name}.xml").read_bytes())
            for name in ("open", "close")
        }
        self._selector = selectors.SelectSelector()  # the one that waits for fractions of a millisecond
        self._free = [Connection(port) for _ in range(connections)]
        self._busy: set[Connection] = set()
        self._line: deque[float] = deque()
        self._waits: list[float] = []
        self._late_by = 0.0
        self._statuses: Counter[str] = Counter()
        self._counts = dict.fromkeys(("sent", "good", "unreadable", "wrong", "socket_errors", "timeouts", "starved"), 0)
        for connection in self._free:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def run(self, rate: float, seconds: float) -> dict[str, object]:
        """Send for some seconds, wait a little for the last answers, and say what came."""
        started = time.perf_counter()
        due, planned = 0, int(rate * seconds)
        end = started + seconds + _DRAIN_SECONDS
        while (now := time.perf_counter()) < end and (due < planned or self._line or self._busy):
            while due < planned and started + due / rate <= now:
                self._line.append(started + due / rate)
                self._late_by = max(self._late_by, now - self._line[-1])
                due += 1
            self._send_what_is_due()
            following = started + due / rate if due < planned else end
            for key, _ in self._selector.select(max(0.0, following - time.perf_counter())):
                self._take(key.data)
        # What has no answer by now waited at least this long; to leave it out would flatter who did not keep up.
        ended = time.perf_counter()
        waits = sorted(self._waits + [ended - at for at in self._line] + [ended - one.due for one in self._busy])
        return {
            **self._counts,
            "seconds": seconds,
            "planned": planned,
            "statuses": self._statuses,
            "generator_late_ms": self._late_by * 1000,
            "milliseconds": {
                name: waits[min(len(waits) - 1, int(len(waits) * share))] * 1000
                for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("worst", 1.0))
            },
        }

    def stored(self) -> ledger.Ledger:
        """Give the items as they were acknowledged."""
        return self._ledger

    def _send_what_is_due(self) -> None:
        while self._line and self._free:
            if not self._ready:  # too many requests have no known outcome
                self._counts["starved"] = 1
                return
            item = self._ready.popleft()
            version = self._ledger.acknowledged[item]
            head, body = self._messages["close" if version % 2 else "open"]
            text = body % (item, version)
            connection, due = self._free.pop(), self._line.popleft()
            self._ledger.pending.add(item)
            self._busy.add(connection)
            self._counts["sent"] += 1
            connection.send(item, due, head % len(text) + text)

    def _take(self, connection: Connection) -> None:
        try:
            answer = connection.receive()
        except ConnectionError:
            answer = b""
        if answer is None:
            return
        if connection in self._busy:
            self._busy.remove(connection)
            self._free.append(connection)
            self._waits.append(time.perf_counter() - connection.due)
            self._judge(connection.item, answer)
        if not answer or _CLOSES.search(answer.partition(b"\r\n\r\n")[0]):
            self._selector.unregister(connection.socket)
            connection.renew()
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _judge(self, item: int, answer: bytes) -> None:
        if not answer:
            self._counts["socket_errors"] += 1
            return
        status = answer[9:12].decode()
        self._statuses[status] += 1
        if status != "200":
            return
        found = identify(answer.partition(b"\r\n\r\n")[2])
        if found is None:
            self._counts["unreadable"] += 1
        elif found != (item, self._ledger.acknowledged[item] + 1):
            self._counts["wrong"] += 1
        else:
            self._counts["good"] += 1
            self._ledger.acknowledged[item] += 1
            self._ledger.pending.remove(item)
            self._ready.append(item)


def main() -> None:
    """Run as bench.load says: folder, port, connections, requests a second, seconds."""
    folder, port, connections, rate, seconds = sys.argv[1:]
    arrivals = Arrivals(Path(folder), int(port), int(connections))
    outcome = arrivals.run(float(rate), float(seconds))
    ledger.write(Path(folder), arrivals.stored())
    (Path(folder) / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
