"""What the checker found: a rule that was broken, where, and the calls that show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.proof.record import Call


class Rule(StrEnum):
    """What must hold of every run."""

    CHAIN = "the chain of hashes of every item holds"
    HISTORY = "every item has a history"
    GAPLESS = "versions have no gaps"
    LAST_ROW = "an item is what its history says"
    CONTINUED = "each version goes on from the one before"
    STORED = "what was acknowledged is stored"
    NEXT_VERSION = "the success of version v leads to v + 1"
    ONE_CALL = "each version is one call's"
    ASKED_FOR = "every row is a change that somebody asked for"
    AS_ASKED = "a row is what a request asked for"
    WHOLE_BATCH = "a batch changes all of its items or none"
    ONE_CHANGE = "a batch is one change"
    ONCE = "a change is made once"
    SAME_ANSWER = "a repeated request is answered as it was before"
    TOLD_IS_STORED = "every version that was told is stored"
    TOLD_AS_STORED = "what is told of a version is what is stored of it"
    IN_TIME = "calls take effect between their beginning and their end"
    JUSTIFIED = "a conflict is one of the version that was supplied"
    STATE_FORBIDS = "an operation is refused only where its state forbids it"
    STATE_ALLOWS = "a change is made only where the item's state allows it"
    STATE_WAS = "a state that is told was the item's during the call"
    EXPECTED = "a call meets no fault but a conflict, or one of the item's state"
    ABOUT = "an answer is about the items that were asked for"
    LOOK = "a look with a version sees that version or none"
    ONE_STATE = "a look at several items sees all of them as they were at one moment"
    BEGUN = "a version begins at the item's version that was told"
    ACCEPTED = "an operation is accepted at the version that was supplied, of an open item, and leaves it alone"
    KEPT = "while an operation is at work, nothing else changes the item"
    ONE_STEP = "an operation that ends well raises the version by one"
    ONE_OPERATION = "a version ends by one operation, however often it is asked for"
    ENDED = "every operation that was accepted comes to one final state"
    FAILED = "an operation fails only where it was given up, and changes nothing then"
    STATUS = "what is told of a version with a GUID was so during the call"
    REFUSED = "what is refused because of a version with a GUID is so during the call"
    ANSWERED = "an undisturbed service answers, and says what came of a request"


@dataclass(frozen=True)
class Violation:
    """A rule that does not hold; the item, if it is about one; and what was seen instead."""

    rule: Rule
    item: int | None = None
    calls: Sequence[Call] = ()
    detail: str = ""

    def __str__(self) -> str:
        about = "" if self.item is None else f" Item {self.item}."
        detail = f" But {self.detail}." if self.detail else ""
        return "\n".join([f"Broken: {self.rule}.{about}{detail}", *(f"    {call}" for call in self.calls)])


def summary(found: Sequence[Violation], most: int = 10) -> str:
    """Give how often each rule was broken, and the first cases whole."""
    rules: dict[Rule, int] = {}
    for one in found:
        rules[one.rule] = rules.get(one.rule, 0) + 1
    counts = [f"{count} x {rule}" for rule, count in sorted(rules.items(), key=lambda pair: -pair[1])]
    return "\n".join([f"{len(found)} violations", *counts, "", *map(str, found[:most])])
