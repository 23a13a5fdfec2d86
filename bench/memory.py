"""Whether the service's memory grows: a million changes and reads, with a look at it all along: `make bench-memory`.

It ends with an error if the service has more than 5 % more at the end than after the first 100,000 requests, if a
request was refused, or if what is stored is not what was acknowledged.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench import debian, ledger, load, processes
from bench.race import BUILD
from bench.racers import ALONE
from bench.turn import running
from soapsvc import serving

CLIENTS = 16
PORTION = 50_000
SETTLED = 100_000
MOST_GROWTH = 0.05
_FIRST_SECONDS = 10.0


def sent_portions(one: load.Load, requests: int, leader: int) -> list[tuple[int, int]]:
    """Send that many requests; give the resident bytes after about every 50,000, by how many were answered."""
    answered, rate, samples = 0, 0.0, []
    while answered < requests:
        # wrk stops by time, so a portion is as long as the last one's rate says.
        wanted = min(PORTION, requests - answered)
        outcome = one.closed("mixed", CLIENTS, max(1.0, wanted / rate) if rate else _FIRST_SECONDS)
        if outcome["good"] != sum(outcome["statuses"].values()) or not outcome["good"]:
            raise SystemExit(f"not all were answered well: {outcome}")
        rate = outcome["good"] / outcome["seconds"]
        answered += outcome["good"]
        samples.append((answered, processes.usage(leader)[0]))
        print(f"{answered:>10,} requests  {samples[-1][1] / 1e6:7.1f} MB  {rate:7,.0f}/s", flush=True)
    return samples


def growth(samples: list[tuple[int, int]]) -> float:
    """Give the growth since the first sample after 100,000 requests, as a share."""
    settled = next(resident for answered, resident in samples if answered >= SETTLED)
    return samples[-1][1] / settled - 1


def main() -> None:
    """Send, watch, verify."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    requests = parser.parse_args().requests
    if requests < SETTLED + PORTION:
        raise SystemExit(f"send at least {SETTLED + PORTION:,} requests: until {SETTLED:,} memory may grow")
    build = BUILD / ALONE.name
    build.mkdir(parents=True, exist_ok=True)
    ALONE.prepare(build)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=build, prefix="memory-") as name:
        data, notes = Path(name, "data"), Path(name, "load")
        data.mkdir()
        notes.mkdir()
        one = load.Load(notes, BUILD / "tools", serving.free_port())
        try:
            with running(ALONE, build, data, one.port) as process:
                samples = sent_portions(one, requests, process.pid)
        except debian.Missing as error:
            raise SystemExit(f"NOT MEASURED: {error}") from None
        complaint = ledger.complaint(one.ledger(), ALONE.stored_versions(data), one.unanswered)
    if complaint:
        raise SystemExit(complaint)
    grown = growth(samples)
    print(f"after {samples[-1][0]:,} requests in {time.monotonic() - started:.0f} s: {grown:+.1%} since {SETTLED:,}")
    if grown > MOST_GROWTH:
        raise SystemExit(f"that is more than {MOST_GROWTH:.0%}")


if __name__ == "__main__":
    main()
