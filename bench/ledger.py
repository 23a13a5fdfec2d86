"""What a racer acknowledged, item by item, and whether that is what it stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.racers import ITEMS

_FILE = "items"


@dataclass
class Ledger:
    """The last acknowledged version by item, and the items whose last change has no known outcome."""

    acknowledged: dict[int, int]
    pending: set[int] = field(default_factory=set)


def fresh() -> Ledger:
    """Give the ledger of a new database."""
    return Ledger(dict.fromkeys(range(1, ITEMS + 1), 0))


def read(folder: Path) -> Ledger:
    """Read what a load generator wrote."""
    rows = [line.split() for line in (folder / _FILE).read_text().splitlines()]
    return Ledger(
        {int(item): int(version) for item, version, _ in rows},
        {int(item) for item, _, state in rows if state == "pending"},
    )


def write(folder: Path, ledger: Ledger) -> None:
    """Write it for a load generator."""
    states = {True: "pending", False: "ready"}
    lines = [
        f"{item} {version} {states[item in ledger.pending]}\n" for item, version in sorted(ledger.acknowledged.items())
    ]
    (folder / _FILE).write_text("".join(lines))


def complaint(ledger: Ledger, stored: Mapping[int, int], unanswered: int) -> str | None:
    """Say what is wrong with what was stored, or None. At most so many changes as were unanswered may be more.

    An answered change raised its item by one version, so an item's version is the number of its answered changes.
    """
    if set(stored) != set(ledger.acknowledged):
        return f"{len(set(stored) ^ set(ledger.acknowledged))} items are missing or too many"
    ahead = {item: stored[item] - version for item, version in ledger.acknowledged.items()}
    lost = sum(-steps for steps in ahead.values() if steps < 0)
    if lost:
        return f"{lost} acknowledged changes were lost"
    unexplained = [item for item, steps in ahead.items() if steps > (item in ledger.pending)]
    if unexplained:
        return f"{len(unexplained)} items changed without an answer"
    if sum(ahead.values()) > unanswered:
        return f"{sum(ahead.values()) - unanswered} changes were made that were refused"
    return None
