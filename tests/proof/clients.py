"""Many clients in one process, on real sockets, that write down what they ask and what they are told.

python -m tests.proof.clients '{"ports": [8080], "clients": 64, "seconds": 60, "calls": 100000, "seed": 1,
                                "file": "history.jsonl"}'
"""

import asyncio
import json
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import uvloop

from tests.proof import operations, rest
from tests.proof.connections import Connection, Lost, Message
from tests.proof.operations import (
    ALONE,
    BEGIN,
    COMPLETE,
    ENDS,
    NEXT,
    OVER_REST,
    POSSIBLE_IN,
    READS,
    SAVE_AND_CLOSE,
    SCHEDULE,
    USERS,
    WITH_DATA,
)
from tests.proof.record import TOLD, Recorder, Seen, Told
from tests.support.soap import SERVICE_OF

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.8
MOST_REPEATS = 40
FEWEST_ITEMS = 24
HOT_ITEMS = 4
BATCH = 3
CHANGES_TOGETHER, LOOKS_TOGETHER = 0.12, 0.3
"""What share of changes and of looks are about several items."""
REST_SHARE = 0.35
"""What share of all calls goes by REST, where something is known that they can be about."""
PREFERENCES = ("", "", "respond-async", "wait=1", "respond-async, wait=1")
SOAP_HEADERS = "Content-Type: text/xml; charset=utf-8\r\n"

Items = list[tuple[int, int | None]]


class Knowledge:
    """What all clients together believe of the items: it is always a little old, and they act on it."""

    def __init__(self) -> None:
        self.items: dict[int, tuple[int, str]] = {}
        self.live: list[int] = []
        self.guids: dict[int, str] = {}
        self.sessions: dict[int, str] = {}
        """The version of an item that was begun last over REST, as far as is known."""

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
    BEGIN: "OPENED",
    "In Progress": "OPENED",
    "Saving": "OPENED",
    "Saved": "PENDED",
}
CHANGES = [*POSSIBLE_IN, "closeWorkItem", "closeWorkItem", "saveOpenWorkItem"]


class Client:
    """One client: it asks, waits for the answer, and asks again, by whichever door."""

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
            over_rest = self._choose_over_rest() if self._luck.random() < REST_SHARE else None
            if over_rest is not None:
                await self.call_over_rest(*over_rest)
            else:
                await self.call(*self._choose())
        self._connection.close()

    async def call(self, operation: str, items: Items) -> None:
        """Ask one thing over SOAP; a change with a RequestID until its outcome is known, and sometimes once more."""
        unique = self._unique()
        token = f"token-{unique}" if operation in WITH_DATA else None
        is_repeatable = operations.changes(operation) and self._luck.random() < 0.3
        request_id = f"request-{unique}" if is_repeatable else None
        body = operations.message(
            operation, items, user=self._user, token=token, request_id=request_id, number=self._count
        )
        message = Message(f"POST /amxbpm/{SERVICE_OF[operation]}", SOAP_HEADERS, body)
        what = {"operation": operation, "items": items, "token": token, "request": request_id}
        told = await self._until_known(message, what, is_repeatable=is_repeatable)
        if operation == SCHEDULE and told.outcome == "ok":
            await self._find_guid(told.seen[0].item)

    async def call_over_rest(self, operation: str, item: int, session: str | None) -> None:
        """Ask one thing over REST. What ends a version is repeated without more; what begins one has a key for it."""
        version = None
        if operations.changes(operation) or operation in ENDS:
            version = self._supplied(self._knowledge.items[item][0], is_read=False)
        manner = rest.Manner(
            in_body=self._luck.random() < 0.25,
            force=self._luck.random() < 0.1,
            prefer=self._luck.choice(PREFERENCES) if operation in ENDS else "",
            key=f"key-{self._unique()}" if operation == BEGIN and self._luck.random() < 0.5 else None,
        )
        version = None if version == -1 else version  # which only SOAP knows
        message = rest.message(operation, self._knowledge.guids[item], session, version, manner)
        what = {"operation": operation, "items": [(item, version)], "session": session, "request": manner.key}
        is_repeatable = manner.key is not None or (operation in ENDS and self._luck.random() < 0.7)
        told = await self._until_known(message, what, is_repeatable=is_repeatable)
        if operation == BEGIN and session and (told.outcome != "fail" or self._luck.random() < 0.02):
            self._knowledge.sessions[item] = session
            if told.outcome == "ok" and self._luck.random() < 0.5:  # the other half is left for anybody to end
                await self.call_over_rest(self._end(), item, session)

    def _end(self) -> str:
        return COMPLETE if self._luck.random() < 0.08 else SAVE_AND_CLOSE

    def _unique(self) -> str:
        self._count += 1
        return f"{self._number}-{self._count}"

    async def _until_known(self, message: Message, what: dict, *, is_repeatable: bool) -> Told:
        """Ask; if it can be repeated, until it is known what came of it, and sometimes once more."""
        told = await self._ask(message, what)
        repeats = 0
        while is_repeatable and told.outcome == "unknown" and repeats < MOST_REPEATS:
            repeats += 1
            told = await self._ask(message, what)
        if is_repeatable and told.outcome == "ok" and self._luck.random() < 0.2:
            await self._ask(message, what)
        return told

    async def _ask(self, message: Message, what: dict) -> Told:
        operation = what["operation"]
        number = self._recorder.invoke(client=self._number, user=self._user, **what)
        try:
            answer = await self._connection.ask(message)
        except Lost as loss:
            self._recorder.end(number, "unknown", fault=str(loss))
            await self._pause()
            return Told("unknown")
        if operation in OVER_REST:
            told = rest.told_by(operation, what["items"][0][0], answer)
        else:
            told = operations.told_by(operation, answer)
        self._recorder.end(number, told.outcome, **{name: getattr(told, name) for name in TOLD})
        if told.outcome == "ok":
            self._losses = 0
            self._learn(what, told)
        elif told.fault == "InvalidVersionFault":
            item, version, _, state, *_ = told.parameters
            self._knowledge.learn(Seen(int(item), int(version)), state)
        elif told.outcome == "unknown":
            await self._pause()
        return told

    async def _pause(self) -> None:
        """Leave a service that is away its processor, the longer the longer it is away."""
        self._losses += 1
        await asyncio.sleep(min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**self._losses) * (0.5 + self._luck.random()))

    async def _find_guid(self, item: int) -> None:
        """Look under which GUID REST knows an item; one whose search finds nothing is changed over SOAP only."""
        with suppress(Lost):
            guid = rest.found_in(await self._connection.ask(rest.search(item)))
            if guid is not None:
                self._knowledge.guids[item] = guid

    def _learn(self, what: dict, told: Told) -> None:
        operation = what["operation"]
        if operation == "completeWorkItem" or told.status == "Completed":
            self._knowledge.forget(what["items"][0][0])
        for one in told.seen:
            before = self._knowledge.items.get(one.item, (0, "OFFERED"))[1]
            state = LEADS_TO.get(told.status or operation, before)
            self._knowledge.learn(one, state)

    def _choose_over_rest(self) -> tuple[str, int, str | None] | None:
        """Choose an operation, an item and a version of it; None where nothing is known that it could be about."""
        if len(self._knowledge.live) < FEWEST_ITEMS:
            return None
        item, luck = self._knowledge.pick(self._luck), self._luck.random()
        if item not in self._knowledge.guids:
            return None
        session = self._knowledge.sessions.get(item)
        if luck < 0.15:
            return operations.LOOK, item, None
        if session is not None and luck < 0.3:
            return operations.STATUS, item, session
        is_open = self._knowledge.items[item][1] == "OPENED"
        if session is not None and self._luck.random() < (0.9 if is_open else 0.1):
            return self._end(), item, session
        if (is_open or self._knowledge.items[item][1] == "PENDHIDDEN") and self._luck.random() < 0.8:
            return None
        return BEGIN, item, str(uuid.UUID(int=self._luck.getrandbits(128), version=4))

    def _choose(self) -> tuple[str, Items]:
        luck = self._luck.random()
        if len(self._knowledge.live) < FEWEST_ITEMS or luck < 0.01:
            return SCHEDULE, []
        if luck < 0.04:
            return NEXT, []
        if luck < 0.28:
            return self._luck.choice(READS), self._items(
                self._batch(self._knowledge.pick(self._luck), LOOKS_TOGETHER), is_read=True
            )
        item = self._knowledge.pick(self._luck)
        operation = self._operation(self._knowledge.items[item][1])
        batch = [item] if operation in ALONE else self._batch(item)
        return operation, self._items(batch, is_read=False)

    def _batch(self, item: int, how_often: float = CHANGES_TOGETHER) -> list[int]:
        """Take, now and then, others in the same state along."""
        if self._luck.random() > how_often:
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
