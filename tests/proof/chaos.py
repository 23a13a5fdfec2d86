"""What is done to a service while clients work on it: a schedule that a seed repeats, and how it is carried out."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.proof.nodes import Node
from tests.proof.places import PostgresqlServer
from tests.proof.proxy import Proxy

KINDS = ("kill", "kill", "pause", "cut", "mute", "restart")
WITH_DATABASE = (*KINDS, "kill database", "restart database", "pause database")


@dataclass(frozen=True)
class Disturbance:
    """After `wait` seconds something is done, for some seconds, to the process of this number, or to the database."""

    wait: float
    kind: str
    at: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} {'the database' if self.at == DATABASE else f'process {self.at}'} for {self.seconds:.2f} s"


DATABASE = -1


def schedule(
    seed: int, seconds: float, *, processes: int, every: float, kinds: Sequence[str] = KINDS
) -> list[Disturbance]:
    """Make the schedule of a seed: something of these kinds about every so many seconds, the first of all a kill."""
    luck = random.Random(f"chaos {seed}")
    planned: list[Disturbance] = []
    over = 0.0
    while True:
        wait, length = luck.uniform(0.3, 0.9) * every, luck.uniform(0.05, 0.3) * every
        over += wait + length
        if over > seconds:
            return planned
        kind = luck.choice(kinds) if planned else "kill"
        at = luck.randrange(processes)
        planned.append(
            Disturbance(wait, kind.removesuffix(" database"), DATABASE if "database" in kind else at, length)
        )


class Chaos:
    """Carries out a schedule on processes, each with a proxy, and perhaps on their database.

    A node's clients come through its proxy; a worker, which has none, goes to its database through one.
    """

    def __init__(
        self, processes: Sequence[Node], proxies: Sequence[Proxy], database: PostgresqlServer | None = None
    ) -> None:
        self._processes = processes
        self._proxies = proxies
        self._database = database

    async def carry_out(self, planned: Sequence[Disturbance], tell: Callable[[str], None]) -> None:
        """Do one after another; at the end everything is as before."""
        for one in planned:
            await asyncio.sleep(one.wait)
            tell(str(one))
            await self._do(one)

    async def _do(self, one: Disturbance) -> None:
        process = self._database if one.at == DATABASE else self._processes[one.at]
        assert process is not None
        proxy = None if one.at == DATABASE else self._proxies[one.at]
        ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "kill": (process.kill, process.start),
            "restart": (process.stop, process.start),
            "pause": (process.pause, process.go_on),
        }
        if proxy is not None:
            ways |= {"cut": (proxy.cut, proxy.mend), "mute": (proxy.mute, proxy.mend)}
        begin, end = ways[one.kind]
        if one.kind in {"cut", "mute"}:  # of this event loop
            begin()
            await asyncio.sleep(one.seconds)
            end()
        else:
            await asyncio.to_thread(begin)
            await asyncio.sleep(one.seconds)
            await asyncio.to_thread(end)
