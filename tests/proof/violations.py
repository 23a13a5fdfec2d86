"""What the checker found: a rule that was broken, where, and the calls that show it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.proof.record import Call


@dataclass(frozen=True)
class Violation:
    """A rule, as a sentence that does not hold; the item, if it is about one; and what was seen instead."""

    rule: str
    item: int | None = None
    calls: Sequence[Call] = ()
    detail: str = ""

    def __str__(self) -> str:
        about = "" if self.item is None else f" Item {self.item}."
        detail = f" But {self.detail}." if self.detail else ""
        return "\n".join([f"Broken: {self.rule}.{about}{detail}", *(f"    {call}" for call in self.calls)])


def summary(found: Sequence[Violation], most: int = 10) -> str:
    """Give how often each rule was broken, and the first cases whole."""
    rules: dict[str, int] = {}
    for one in found:
        rules[one.rule] = rules.get(one.rule, 0) + 1
    counts = [f"{count} x {rule}" for rule, count in sorted(rules.items(), key=lambda pair: -pair[1])]
    return "\n".join([f"{len(found)} violations", *counts, "", *map(str, found[:most])])
