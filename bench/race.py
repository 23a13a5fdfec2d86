"""Races this service against named others, in turns, and verifies every turn: `make bench`.

Prints the figures and their ratios, and keeps them in bench/results/. With --publish they go into
docs/performance.md, with a chart.
"""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import debian, disk, load, report
from bench.racers import ALONE, OURS, CannotRace, Racer
from bench.races import Race
from bench.turn import take

HERE = Path(__file__).parent
BUILD = HERE / ".build"
RESULTS = HERE / "results"
CLIENTS = (1, 16, 64)
STEADY_RATE = 500
STEADY_CLIENTS = 16
HIGH_SHARE = 0.7
SLOW_FLUSH = 1_000


def main() -> None:
    """Race, verify, print, keep."""
    arguments = _arguments()
    try:
        debian.program("wrk", load.PACKAGES, BUILD / "tools")
    except debian.Missing as error:
        raise SystemExit(f"NO RACE: {error}") from None
    BUILD.mkdir(exist_ok=True)
    racers, skipped = _prepared(arguments.only)
    results: dict[str, Any] = {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "seconds": arguments.seconds,
        "turns": arguments.turns,
        "flush_microseconds": round(disk.flush_microseconds(BUILD)),
        "racers": {racer.name: racer.title for racer in racers},
        "skipped": skipped,
        "results": [],
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    for race in _closed_races(arguments):
        _race(race, racers, results, arguments)
        file.write_text(json.dumps(results, indent=1))
    if not arguments.closed_only:
        for rate in _rates(results):
            _race(Race("pairs", STEADY_CLIENTS, rate), racers, results, arguments)
    file.write_text(json.dumps(results, indent=1))
    report.show(results)
    if arguments.publish:
        report.publish(results)
    if any(one["complaint"] for one in results["results"] if one["racer"] == OURS.name):
        raise SystemExit("this service was disqualified")


def _closed_races(arguments: argparse.Namespace) -> list[Race]:
    """Give the races of clients that wait for their answers; slow flushes make no difference to reads."""
    races = [Race(work, clients) for work in arguments.work for clients in arguments.clients]
    if arguments.flush:
        try:
            disk.prepare(BUILD / "tools")
        except disk.NoCompiler as error:
            print(f"!!! NO RACES WITH SLOW FLUSHES: {error}", file=sys.stderr, flush=True)
        else:
            races += [Race(one.work, one.clients, flush=arguments.flush) for one in races if one.work == "pairs"]
    return races


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=_names, help="the names of who races, divided by commas")
    parser.add_argument("--seconds", type=int, default=6, help="how long a turn is measured")
    parser.add_argument("--turns", type=int, default=2, help="how many turns everybody has")
    parser.add_argument("--work", type=_names, default=["pairs", "reads"], help="pairs, reads, or both")
    parser.add_argument("--clients", type=lambda text: [int(one) for one in text.split(",")], default=CLIENTS)
    parser.add_argument(
        "--flush",
        type=int,
        default=SLOW_FLUSH,
        help="race changes again where a flush to the disk takes at least so many microseconds; 0: do not",
    )
    parser.add_argument("--closed-only", action="store_true", help="leave out the races at a constant rate")
    parser.add_argument("--publish", action="store_true", help="put the figures into docs/performance.md")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    return text.split(",")


def _known() -> Sequence[Racer]:
    try:
        peers: tuple[Racer, ...] = importlib.import_module("bench.peers").PEERS
    except ModuleNotFoundError as error:
        if error.name != "bench.peers":
            raise
        peers = ()
    return (OURS, ALONE, *peers)


def _prepared(only: Sequence[str] | None) -> tuple[list[Racer], dict[str, str]]:
    """Build every racer; say loudly who cannot race."""
    known = {racer.name: racer for racer in _known()}
    if unknown := set(only or ()) - set(known):
        raise SystemExit(f"NO RACE: nobody is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    ready, skipped = [], {}
    for name in only or known:
        build = BUILD / name
        build.mkdir(parents=True, exist_ok=True)
        print(f"Preparing {name} ...", flush=True)
        try:
            known[name].prepare(build)
        except CannotRace as error:
            skipped[name] = load.without_place(str(error)).splitlines()[0]
            print(f"!!! {name} DOES NOT RACE: {error}", file=sys.stderr, flush=True)
        else:
            ready.append(known[name])
    if not ready:
        raise SystemExit("NO RACE: nobody can")
    return ready, skipped


def _race(race: Race, racers: Sequence[Racer], results: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Let everybody have a turn, then everybody again: what else the machine does meanwhile meets all alike."""
    print(f"\n{race.name}", flush=True)
    for turn in range(arguments.turns):
        for racer in racers:
            where = {**asdict(race), "racer": racer.name, "turn": turn}
            result = {**where, **take(racer, race, BUILD / racer.name, arguments.seconds)}
            results["results"].append(result)
            print(f"  {report.line(racer.name, result)}", flush=True)


def _rates(results: dict[str, Any]) -> list[int]:
    """Give the rates at which requests arrive: a moderate one, and one that is most of what this service can do."""
    reached = report.median(results, Race("pairs", STEADY_CLIENTS), OURS.name)
    high = [round(reached.rate * HIGH_SHARE, -2)] if reached else []
    return sorted({STEADY_RATE, *map(int, high)} - {0})


if __name__ == "__main__":
    main()
