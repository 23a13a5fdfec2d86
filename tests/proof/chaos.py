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
    """After `wait` seconds something is done to the node of this number, for some seconds."""

    wait: float
    kind: str
    node: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} {'the database' if self.node < 0 else f'node {self.node}'} for {self.seconds:.2f} s"


DATABASE = -1


def schedule(seed: int, seconds: float, *, nodes: int, every: float, kinds: Sequence[str] = KINDS) -> list[Disturbance]:
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
        node = luck.randrange(nodes)
        planned.append(
            Disturbance(wait, kind.removesuffix(" database"), DATABASE if "database" in kind else node, length)
        )


class Chaos:
    """Carries out a schedule on nodes, each behind a proxy, and perhaps on their database."""

    def __init__(
        self, nodes: Sequence[Node], proxies: Sequence[Proxy], database: PostgresqlServer | None = None
    ) -> None:
        self._nodes = nodes
        self._proxies = proxies
        self._database = database

    async def carry_out(self, planned: Sequence[Disturbance], tell: Callable[[str], None]) -> None:
        """Do one after another; at the end everything is as before."""
        for one in planned:
            await asyncio.sleep(one.wait)
            tell(str(one))
            await self._do(one)

    async def _do(self, one: Disturbance) -> None:
        node = self._database if one.node == DATABASE else self._nodes[one.node]
        assert node is not None
        proxy = None if one.node == DATABASE else self._proxies[one.node]
        ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "kill": (node.kill, node.start),
            "restart": (node.stop, node.start),
            "pause": (node.pause, node.go_on),
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
