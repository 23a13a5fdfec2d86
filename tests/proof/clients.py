"""Many clients in one process, on real sockets, that write down what they ask and what they are told.

python -m tests.proof.clients '{"ports": [8080], "clients": 64, "seconds": 60, "calls": 100000, "seed": 1,
                                "file": "history.jsonl"}'
"""

import asyncio
import base64
import json
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import uvloop

from tests.proof import operations
from tests.proof.operations import ALONE, NEXT, POSSIBLE_IN, READS, SCHEDULE, USERS, WITH_DATA
from tests.proof.record import Recorder, Seen
from tests.support.server import PASSWORD
from tests.support.soap import SERVICE_OF

ANSWER_SECONDS = 30.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.8
MOST_REPEATS = 40
FEWEST_ITEMS = 24
HOT_ITEMS = 4
BATCH = 3

Items = list[tuple[int, int | None]]


class Lost(Exception):
    """No answer came: the connection was refused or broken, or the time was over."""


class Connection:
    """A kept connection to one of several addresses; after a loss, to the next."""

    def __init__(self, ports: list[int], first: int, user: str) -> None:
        self._ports = ports
        self._at = first
        token = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        self._head = f"Host: proof\r\nContent-Type: text/xml; charset=utf-8\r\nAuthorization: Basic {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, service: str, message: bytes) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._post(service, message)
        except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            self._at += 1
            raise Lost(type(error).__name__) from None

    async def _post(self, service: str, message: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._ports[self._at % len(self._ports)])
        reader, writer = self._streams
        head = f"POST /amxbpm/{service} HTTP/1.1\r\n{self._head}Content-Length: {len(message)}\r\n\r\n"
        writer.write(head.encode() + message)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answer.partition("content-length:")[2].partition("\r\n")[0])
        return int(answer.split()[1]), await reader.readexactly(length)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


class Knowledge:
    """What all clients together believe of the items: it is always a little old, and they act on it."""

    def __init__(self) -> None:
        self.items: dict[int, tuple[int, str]] = {}
        self.live: list[int] = []

    def learn(self, seen: Seen, state: str) -> None:
        """Take over what an answer says."""
        version = -1 if seen.version is None else seen.version
        if seen.item not in self.items:
            self.live.append(seen.item)
        elif version < self.items[seen.item][0]:
            return
        self.items[seen.item] = (version, seen.state or state)

    def forget(self, item: int) -> None:
        """Leave an item alone from now on: it is completed."""
        if item in self.live:
            self.live.remove(item)

    def pick(self, luck: random.Random) -> int:
        """Choose an item: one of the few that everybody wants, or any."""
        most = HOT_ITEMS if luck.random() < 0.5 else len(self.live)
        return self.live[luck.randrange(min(most, len(self.live)))]


LEADS_TO = {
    "allocateWorkItem": "ALLOCATED",
    "closeWorkItem": "PENDED",
    "openWorkItem": "OPENED",
    "saveOpenWorkItem": "OPENED",
    "pendWorkItem": "PENDHIDDEN",
    "unallocateWorkItem": "OFFERED",
    SCHEDULE: "OFFERED",
}
CHANGES = [*POSSIBLE_IN, "closeWorkItem", "closeWorkItem", "saveOpenWorkItem"]


class Client:
    """One client: it asks, waits for the answer, and asks again."""

    def __init__(self, number: int, seed: int, ports: list[int], knowledge: Knowledge, recorder: Recorder) -> None:
        self._number = number
        self._luck = random.Random(f"{seed} {number}")
        self._user = USERS[number % len(USERS)]
        self._connection = Connection(ports, number, self._user)
        self._knowledge = knowledge
        self._recorder = recorder
        self._count = 0
        self._losses = 0

    async def work(self, is_over: Callable[[], bool]) -> None:
        """Ask until it is over."""
        while not is_over():
            operation, items = self._choose()
            await self.call(operation, items)
        self._connection.close()

    async def call(self, operation: str, items: Items) -> None:
        """Ask one thing; a change with a RequestID until its outcome is known, and sometimes once more."""
        self._count += 1
        unique = f"{self._number}-{self._count}"
        token = f"token-{unique}" if operation in WITH_DATA else None
        is_repeatable = operations.changes(operation) and self._luck.random() < 0.3
        request_id = f"request-{unique}" if is_repeatable else None
        message = operations.message(
            operation, items, user=self._user, token=token, request_id=request_id, number=self._count
        )
        what = {"operation": operation, "items": items, "token": token, "request": request_id}
        outcome = await self._ask(message, what)
        repeats = 0
        while request_id and outcome == "unknown" and repeats < MOST_REPEATS:
            repeats += 1
            outcome = await self._ask(message, what)
        if request_id and outcome == "ok" and self._luck.random() < 0.2:
            await self._ask(message, what)

    async def _ask(self, message: bytes, what: dict) -> str:
        operation = what["operation"]
        number = self._recorder.invoke(client=self._number, user=self._user, **what)
        try:
            status, answer = await self._connection.post(SERVICE_OF[operation], message)
        except Lost as loss:
            self._recorder.end(number, "unknown", fault=str(loss))
            await self._pause()
            return "unknown"
        if status == 200:
            self._losses = 0
            seen = operations.seen_in(operation, answer)
            self._recorder.end(number, "ok", seen=seen)
            self._learn(what, seen)
            return "ok"
        name, _, parameters = operations.fault_in(answer)
        kind = "unknown" if name == "InternalServiceFault" else "fail"
        self._recorder.end(number, kind, fault=name, parameters=parameters)
        if name == "InvalidVersionFault":
            item, version, _, state, *_ = parameters
            self._knowledge.learn(Seen(int(item), int(version)), state)
        elif kind == "unknown":
            await self._pause()
        return kind

    async def _pause(self) -> None:
        """Leave a service that is away its processor, the longer the longer it is away."""
        self._losses += 1
        await asyncio.sleep(min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**self._losses) * (0.5 + self._luck.random()))

    def _learn(self, what: dict, seen: list[Seen]) -> None:
        if what["operation"] == "completeWorkItem":
            self._knowledge.forget(what["items"][0][0])
        for one in seen:
            before = self._knowledge.items.get(one.item, (0, "OFFERED"))[1]
            self._knowledge.learn(one, LEADS_TO.get(what["operation"], before))

    def _choose(self) -> tuple[str, Items]:
        luck = self._luck.random()
        if len(self._knowledge.live) < FEWEST_ITEMS or luck < 0.01:
            return SCHEDULE, []
        if luck < 0.04:
            return NEXT, []
        if luck < 0.28:
            return self._luck.choice(READS), self._items(self._batch(self._knowledge.pick(self._luck)), is_read=True)
        item = self._knowledge.pick(self._luck)
        operation = self._operation(self._knowledge.items[item][1])
        batch = [item] if operation in ALONE else self._batch(item)
        return operation, self._items(batch, is_read=False)

    def _batch(self, item: int) -> list[int]:
        """Take, now and then, others in the same state along."""
        if self._luck.random() > 0.12:
            return [item]
        state = self._knowledge.items[item][1]
        others = [one for one in self._knowledge.live if one != item and self._knowledge.items[one][1] == state]
        batch = [item, *self._luck.sample(others, min(len(others), BATCH - 1))]
        self._luck.shuffle(batch)
        return batch

    def _operation(self, state: str) -> str:
        if self._luck.random() < 0.05:
            return self._luck.choice(CHANGES)
        possible = [one for one in CHANGES if state in POSSIBLE_IN[one]]
        operation = self._luck.choice(possible or CHANGES)
        return "saveOpenWorkItem" if operation == "completeWorkItem" and self._luck.random() < 0.9 else operation

    def _items(self, ids: list[int], *, is_read: bool) -> Items:
        return [(one, self._supplied(self._knowledge.items[one][0], is_read=is_read)) for one in ids]

    def _supplied(self, version: int, *, is_read: bool) -> int | None:
        luck = self._luck.random()
        if luck < (0.7 if is_read else 0.3):
            return None
        if luck < 0.95:
            return version
        # On purpose one that is not right, or will only be when somebody else was faster; -1 means the latest.
        return self._luck.choice([-1, max(0, version - 1), version + 1, version + 7])


async def run(*, ports: list[int], clients: int, seconds: float, calls: int, seed: int, file: IO[bytes]) -> None:
    """Make some items, then let all clients work on them for some time, or until so many calls, or a SIGTERM."""
    knowledge, recorder = Knowledge(), Recorder(file)
    everyone = [Client(number, seed, ports, knowledge, recorder) for number in range(clients)]
    while len(knowledge.live) < FEWEST_ITEMS:
        await everyone[0].call(SCHEDULE, [])
    until = time.monotonic() + seconds
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    def is_over() -> bool:
        return stopped.is_set() or time.monotonic() > until or recorder.calls >= calls

    async with asyncio.TaskGroup() as tasks:
        for client in everyone:
            tasks.create_task(client.work(is_over))


def main() -> None:
    plan = json.loads(sys.argv[1])
    with Path(plan.pop("file")).open("ab", buffering=1 << 13) as file:
        uvloop.run(run(file=file, **plan))


if __name__ == "__main__":
    main()
