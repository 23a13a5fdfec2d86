"""One run of the proof: a service, its clients, its disturbances, and what the checker says.

python -m tests.proof.run --seconds 60 --clients 64 --seed 1
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.proof import checker, record, stored
from tests.proof.chaos import KINDS, WITH_DATABASE, Chaos, schedule
from tests.proof.nodes import ROOT, Node, Worker
from tests.proof.places import Place, postgresql, prepared_postgresql, prepared_sqlite
from tests.proof.proxy import Proxy
from tests.proof.violations import Violation, summary
from tests.support.server import free_port

SPARE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is made of: for how long something is done to the service, or if nothing is, how long it lasts.

    It ends sooner after so many `calls`.

    `every` says about how many seconds lie between disturbances, of these `kinds`; 0 for none at all. `changes` names
    mutants that the service is changed by.
    """

    seconds: float
    calls: int = 1_000_000_000
    clients: int = 64
    seed: int = 1
    every: float = 3.0
    kinds: Sequence[str] = KINDS
    changes: str = ""
    ending: float = 60.0
    """How many seconds what is at work in the background may take to come to its end, after all disturbances."""


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    violations: Sequence[Violation]
    outcomes: Counter[str]
    disturbances: int
    versions: int
    ends: int
    """How many versions were saved or completed over REST."""
    seconds_checking: float

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return (
            f"{sum(self.outcomes.values())} calls ({counts}), {self.versions} stored versions, "
            f"{self.ends} ended over REST, {self.disturbances} disturbances, "
            f"checked in {self.seconds_checking:.1f} s: {summary(self.violations)}"
        )


def run(plan: Plan, place: Place, folder: Path, tell: Callable[[str], None] = lambda line: None) -> Result:
    """Do a run on a prepared database, with an empty folder for what the processes write."""
    slots = {"SOAPSVC_SAVE_SLOTS": "1", "SOAPSVC_COMPLETE_SLOTS": "1"} if place.workers else {}
    nodes = [
        Node(folder / f"node-{number}", changes=plan.changes, SOAPSVC_DATABASE=place.url, **slots)
        for number in range(place.nodes)
    ]
    done = asyncio.run(_run(plan, folder, nodes, place, tell))
    broken = nodes[0].broken_chains()
    begin = time.monotonic()
    calls = record.read(folder / "history.jsonl")
    rows = stored.read(place.url, broken)
    violations = checker.check(calls, rows, is_undisturbed=not done)
    outcomes = Counter(f"{call.outcome} {call.fault}".strip() for call in calls)
    versions = sum(map(len, rows.rows.values()))
    return Result(violations, outcomes, done, versions, len(rows.operations), time.monotonic() - begin)


async def _run(plan: Plan, folder: Path, nodes: Sequence[Node], place: Place, tell: Callable[[str], None]) -> int:
    async with AsyncExitStack() as stack:
        processes, proxies = await _start(stack, plan, folder, nodes, place)
        ports = [(proxy if plan.every else node).port for node, proxy in zip(nodes, proxies, strict=False)]
        planned = []
        if plan.every:
            planned = schedule(plan.seed, plan.seconds, processes=len(processes), every=plan.every, kinds=plan.kinds)
        clients = await _start_clients(plan, ports, folder / "history.jsonl")
        stack.callback(_end, clients)
        if planned:
            await _has_begun(folder / "history.jsonl", clients)
        await Chaos(processes, proxies, place.server).carry_out(planned, tell)
        if planned:
            clients.terminate()
        async with asyncio.timeout(plan.seconds + SPARE_SECONDS):
            assert await clients.wait() == 0, "the clients failed"
        await _has_ended(place.url, plan.ending)
        codes = await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))
        assert not any(codes), f"a process did not end well: {codes}"
    return len(planned)


async def _start(
    stack: AsyncExitStack, plan: Plan, folder: Path, nodes: Sequence[Node], place: Place
) -> tuple[Sequence[Node], Sequence[Proxy]]:
    """Start all processes, each with its proxy: the nodes first, then what works beside them."""
    processes, proxies = list(nodes), [Proxy(free_port(), node.port) for node in nodes]
    for number in range(place.workers):
        assert place.server is not None
        proxies.append(Proxy(free_port(), place.server.socket))
        url = place.url_through(proxies[-1].port)
        processes.append(Worker(folder / f"worker-{number}", changes=plan.changes, SOAPSVC_DATABASE=url))
    for proxy in proxies:
        await proxy.start()
        stack.push_async_callback(proxy.stop)
    for process in processes:
        stack.callback(process.end)
    await asyncio.gather(*(asyncio.to_thread(process.start) for process in processes))
    return processes, proxies


async def _start_clients(plan: Plan, ports: list[int], file: Path) -> asyncio.subprocess.Process:
    asked = {name: getattr(plan, name) for name in ("clients", "calls", "seed")}
    # Where something is planned, they end when it is done, however long that takes.
    seconds = 100 * plan.seconds if plan.every else plan.seconds
    what = asked | {"ports": ports, "file": str(file), "seconds": seconds}
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.proof.clients", json.dumps(what), cwd=ROOT)


async def _has_begun(history: Path, clients: asyncio.subprocess.Process) -> None:
    """Wait until some of all was done, up to the first version that was saved over REST, before it is disturbed."""
    async with asyncio.timeout(SPARE_SECONDS):
        while clients.returncode is None and not (history.exists() and b'"Saved"' in history.read_bytes()):
            await asyncio.sleep(0.05)


async def _has_ended(url: str, seconds: float) -> None:
    """Wait until nothing is at work in the background; what still is after a while, the checker complains of."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await asyncio.to_thread(stored.count_left, url):
                await asyncio.sleep(0.05)


def _end(clients: asyncio.subprocess.Process) -> None:
    if clients.returncode is None:
        clients.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the proof once.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--calls", type=int, default=Plan.calls, help="after so many calls it ends sooner")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=3, help="seconds between disturbances; 0 for none")
    parser.add_argument("--nodes", type=int, default=0, help="so many nodes on one PostgreSQL, instead of SQLite")
    parser.add_argument("--changes", default="", help="mutants to change the service by, divided by commas")
    parser.add_argument("--keep", type=Path, help="a folder that the history and the database are left in")
    options = vars(parser.parse_args())
    keep = options.pop("keep")
    nodes = options.pop("nodes")
    with tempfile.TemporaryDirectory(prefix="proof-") as temporary, ExitStack() as stack:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if nodes:
            server = stack.enter_context(postgresql(Path(temporary)))
            place = prepared_postgresql(server, "proof", nodes=nodes)
            options["kinds"] = WITH_DATABASE
        else:
            place = prepared_sqlite(folder)
        result = run(Plan(**options), place, folder, lambda line: print(line, flush=True))
    print(result)
    sys.exit(bool(result.violations))


if __name__ == "__main__":
    main()
