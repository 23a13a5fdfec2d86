"""The order of an item's versions against time: places of calls in it, and when each version can have been current."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from tests.proof import operations
from tests.proof.explaining import Change, Key
from tests.proof.record import FOREVER, Call
from tests.proof.violations import Rule, Violation

_NEVER = -(2**63)


class Place(NamedTuple):
    """Where a call stands in an item's order, and between which moments it happened."""

    rank: int
    begin: int
    end: int
    call: Call


class Windows:
    """When each version of an item can have come at the earliest, and can have gone at the latest."""

    def __init__(self, order: Iterable[Place], versions: int) -> None:
        comes, goes = [_NEVER] * (versions + 2), [FOREVER] * (versions + 2)
        for place in order:
            # Whatever stands before a version's making began before it; whatever stands behind it ended after it.
            later, earlier = (place.rank + 1) // 2, place.rank // 2 - 1
            if later >= len(comes):
                continue  # of a version that is not stored, which is another violation
            comes[later] = max(comes[later], place.begin)
            if earlier >= 0:
                goes[earlier] = min(goes[earlier], place.end)
        self.comes = list(accumulate(comes, max))
        self.goes = list(accumulate(reversed(goes), min))[::-1]

    def __contains__(self, version: int) -> bool:
        """Say whether a version is, or may be about to be, one of the item's."""
        return version < len(self.comes)

    def during(self, begin: int, end: int) -> range:
        """Give the versions that can have been current at some time between two moments."""
        return range(bisect_left(self.goes, begin), bisect_right(self.comes, end))


def check_order(item: int, order: Sequence[Place]) -> Iterable[Violation]:
    """Find calls that ended before one began that stands before them in the order of versions."""
    latest: Place | None = None
    for place in order:
        if latest is not None and latest.begin > place.end:
            text = (
                f"version {place.rank // 2} was {'seen' if place.rank % 2 else 'made'} by a call that had ended before "
                f"the one began that {'saw' if latest.rank % 2 else 'made'} version {latest.rank // 2}"
            )
            yield Violation(Rule.IN_TIME, item, [place.call, latest.call], text)
            continue
        if latest is None or place.begin > latest.begin:
            latest = place


def made_together(changes: Iterable[Change]) -> dict[int, dict[int, int]]:
    """Give, for each request that changed several items, the versions that it made of them."""
    together: dict[int, dict[int, int]] = defaultdict(dict)
    for change in changes:
        if len(change.request.first.items) > 1:
            together[id(change.request)][change.item] = change.version
    return together


def check_one_state(
    call: Call, windows: Mapping[int, Windows], changes: Mapping[Key, Change], together: dict[int, dict[int, int]]
) -> Iterable[Violation]:
    """Look whether there can have been a moment of all that a look saw, and whether it saw some batch in half."""
    if call.outcome != "ok" or operations.changes(call.operation) or len(call.seen) < 2:
        return
    seen = {one.item: one.version for one in call.seen if one.version is not None}
    if any((item, version) not in changes or version not in windows[item] for item, version in seen.items()):
        return  # nobody knows who made them, or they are not stored, which is another violation
    comes = max(windows[item].comes[version] for item, version in seen.items())
    goes = min(windows[item].goes[version] for item, version in seen.items())
    if max(call.begin, comes) > min(call.end, goes):
        yield Violation(Rule.ONE_STATE, None, [call], "one of the versions was gone before another came")
    for item, version in seen.items():
        request = changes[item, version].request
        made = together.get(id(request), {})
        if any(other in made and made[other] > seen[other] for other in seen):
            detail = f"of a batch it saw item {item}, and of another item what was before"
            yield Violation(Rule.ONE_STATE, item, [call, request.first], detail)
