"""Races two nodes of this service on PostgreSQL against pgbench on the same server: `make bench-postgresql`.

pgbench makes the same guarded update and the same history row, and nothing else: what the server can do at all.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import disk, ledger, processes, server, turn
from bench.load import Load
from bench.pgbench import run as run_pgbench
from bench.racers import ITEMS, Racer, serve
from bench.server import TEMPLATE, Server
from soapsvc import serving

BUILD = Path(__file__).parent / ".build"
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- nodes: written by `make bench-postgresql` -->", "<!-- end of nodes -->"
BAR = 0.5
NODES = 2
CLIENTS = 64
_DATABASE = "race"
_WARM_UP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn came to; processor time is that of the nodes or of pgbench, and that of the server."""

    rate: float
    p50: float
    p99: float
    own_microseconds: float
    server_microseconds: float
    complaint: str | None


def main() -> None:
    """Race, verify, print."""
    arguments = _arguments()
    BUILD.mkdir(exist_ok=True)
    racers: dict[str, Callable[[Server], Turn]] = {
        "ours": partial(_nodes, count=arguments.processes, seconds=arguments.seconds),
        "pgbench": partial(_pgbench, seconds=arguments.seconds),
    }
    turns: dict[str, list[Turn]] = {name: [] for name in racers}
    with server.running(BUILD / "postgresql") as running:
        for _ in range(arguments.turns):
            for name, take in racers.items():
                running.make(_DATABASE, TEMPLATE)
                turns[name].append(take(running))
                print(_line(name, turns[name][-1]), flush=True)
    text = _text(turns, arguments)
    print(text)
    if arguments.publish:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}")
    if any(one.complaint for every in turns.values() for one in every):
        raise SystemExit("what was stored is not what was acknowledged")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=6, help="how long a turn is measured")
    parser.add_argument("--turns", type=int, default=3, help="how many turns each has")
    parser.add_argument("--processes", type=int, default=1, help="how many processes each node has")
    parser.add_argument("--publish", action="store_true", help="put the figures into docs/performance.md")
    return parser.parse_args()


def _nodes(on: Server, *, count: int, seconds: float) -> Turn:
    """Let the clients of two nodes ask for pairs, each node's for its own half of the items."""
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="nodes-") as name, ExitStack() as nodes:
        loads, leaders = [], []
        for number in range(NODES):
            data, notes = Path(name, f"data{number}"), Path(name, f"load{number}")
            data.mkdir()
            notes.mkdir()
            load = Load(notes, BUILD / "tools", serving.free_port())
            ledger.write(notes, ledger.Ledger(dict.fromkeys(_all_items(), 0), _all_items() - _items_of(number)))
            leaders.append(nodes.enter_context(turn.running(_node(on, count), data, data, load.port)).pid)
            loads.append(load)
        _ask(loads, _WARM_UP_SECONDS)
        before = sum(processes.usage(leader)[1] for leader in leaders), on.processor_seconds()
        outcomes = _ask(loads, seconds)
        own = sum(processes.usage(leader)[1] for leader in leaders) - before[0]
        of_server = on.processor_seconds() - before[1]
        nodes.close()
        good = sum(one["good"] for one in outcomes)
        stored = _stored_versions(on)
        return Turn(
            rate=sum(one["good"] / one["seconds"] for one in outcomes),
            p50=max(one["milliseconds"]["p50"] for one in outcomes),
            p99=max(one["milliseconds"]["p99"] for one in outcomes),
            own_microseconds=own * 1e6 / good,
            server_microseconds=of_server * 1e6 / good,
            complaint=_complaint(outcomes, loads, stored),
        )


def _all_items() -> set[int]:
    return set(range(1, ITEMS + 1))


def _items_of(node: int) -> set[int]:
    return {item for item in _all_items() if item % NODES == node}


def _node(on: Server, count: int) -> Racer:
    def start(build: Path, data: Path, port: int) -> Any:  # noqa: ARG001
        return serve(data, port, processes=count, database=on.of(_DATABASE))

    return Racer("node", "soapsvc serve", Path.mkdir, start, lambda _: _stored_versions(on))


def _stored_versions(on: Server) -> dict[int, int]:
    return dict(on.rows(_DATABASE, "SELECT id, version FROM work_item"))


def _ask(loads: list[Load], seconds: float) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(len(loads)) as together:
        return list(together.map(lambda load: load.closed("pairs", CLIENTS // NODES, seconds), loads))


def _complaint(outcomes: list[dict[str, Any]], loads: list[Load], stored: dict[int, int]) -> str | None:
    for node, (outcome, load) in enumerate(zip(outcomes, loads, strict=True)):
        if outcome["starved"] or outcome["wrong"] or outcome["unreadable"] or set(outcome["statuses"]) - {"200"}:
            return f"{outcome}"
        own = _items_of(node)
        whole = load.ledger()
        acknowledged = {item: version for item, version in whole.acknowledged.items() if item in own}
        told = ledger.Ledger(acknowledged, whole.pending & own)
        of_node = {item: version for item, version in stored.items() if item in own}
        if complaint := ledger.complaint(told, of_node, load.unanswered):
            return complaint
    return None


def _pgbench(on: Server, *, seconds: int) -> Turn:
    before = on.processor_seconds()
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="pgbench-") as name:
        outcome = run_pgbench(on, _DATABASE, Path(name), clients=CLIENTS, seconds=seconds)
    (made,) = on.rows(_DATABASE, "SELECT sum(version), (SELECT count(*) FROM history WHERE version > 0) FROM work_item")
    right = (outcome.changes, outcome.changes)
    return Turn(
        rate=outcome.rate,
        p50=outcome.p50,
        p99=outcome.p99,
        own_microseconds=outcome.processor_seconds * 1e6 / outcome.changes,
        server_microseconds=(on.processor_seconds() - before) * 1e6 / outcome.changes,
        complaint=None if tuple(map(int, made)) == right else f"{made} versions and rows are stored, not {right}",
    )


def _line(name: str, one: Turn) -> str:
    return (
        f"  {name:<8}{one.rate:>8,.0f}/s  p50 {one.p50:.2f}  p99 {one.p99:.2f} ms  CPU {one.own_microseconds:,.0f}"
        f" + {one.server_microseconds:,.0f} µs" + (f"  DISQUALIFIED: {one.complaint}" if one.complaint else "")
    )


def _text(turns: dict[str, list[Turn]], arguments: argparse.Namespace) -> str:
    """Give the table and the ratio, in Markdown."""
    rows = []
    for name, every in turns.items():
        figures = {field: statistics.median(getattr(one, field) for one in every) for field in Turn.__slots__[:-1]}
        complaint = next((one.complaint for one in every if one.complaint), "")
        rows.append(
            f"| {name} | {figures['rate']:,.0f} | {figures['p50']:,.2f} | {figures['p99']:,.2f} "
            f"| {figures['own_microseconds']:,.0f} | {figures['server_microseconds']:,.0f} | {complaint or 'all'} |"
        )
    ratios = [ours.rate / other.rate for ours, other in zip(turns["ours"], turns["pgbench"], strict=True)]
    ratio = statistics.median(ratios)
    return "\n".join(
        (
            f"Measured {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())} on {os.cpu_count()} shared cores with "
            f"Python {platform.python_version()}, {arguments.turns} turns of {arguments.seconds} s each, {NODES} nodes "
            f"of {arguments.processes} process{'es' if arguments.processes > 1 else ''} each, {CLIENTS} clients. "
            f"A flush to the disk took {disk.flush_microseconds(BUILD):,.0f} µs.",
            "",
            "| who | changes/s | p50 ms | p99 ms | own CPU µs | server's CPU µs | stored |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"To reach: ≥ {BAR:g} x. Reached: {ratio:.2f} x, the median of the turns' ratios "
            f"({min(ratios):.2f} to {max(ratios):.2f}): {'met' if ratio >= BAR else 'NOT met'}.",
            "",
        )
    )


if __name__ == "__main__":
    main()
