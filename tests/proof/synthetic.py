"""Histories that no service made, to measure and to try the checker with.

    python -m tests.proof.synthetic 1000000

makes one of a million calls, checks it, and prints how long that took.
"""

import random
import sys
import time

from tests.proof import checker
from tests.proof.record import Call, Seen
from tests.proof.stored import Row, Stored

CLIENTS = 64
STEP = 1_000
CHANGE, STATE = "saveOpenWorkItem", "OPENED"


def first_call(item: int, number: int = -1, state: str = "OFFERED") -> tuple[Call, Row]:
    """Give the call that made an item, long before all others, and its row."""
    token = f"first-{item}"
    call = Call(
        number=number, client=-1, user="ana", operation="scheduleWorkItem", items=(), begin=-1_000, end=-900,
        token=token, outcome="ok", seen=[Seen(item, 0)],
    )  # fmt: skip
    return call, Row(0, "scheduleWorkItem", "ana", None, state, token)


def history(calls: int, *, items: int, seed: int = 1) -> tuple[list[Call], Stored]:
    """Make a history that is as it should be: so many calls of 64 clients, and what was stored."""
    luck = random.Random(seed)
    made: list[Call] = []
    rows: dict[int, list[Row]] = {}
    for item in range(1, items + 1):
        call, row = first_call(item, -item, STATE)
        made.append(call)
        rows[item] = [row]
    for number in range(calls):
        made.append(_call(number, luck, rows))
    last = {item: (history[-1].version, STATE, history[-1].token) for item, history in rows.items()}
    return made, Stored(rows, last)


def _call(number: int, luck: random.Random, rows: dict[int, list[Row]]) -> Call:
    point, reach = (number + CLIENTS) * STEP, CLIENTS * STEP // 2 - 1
    item = luck.randint(1, min(len(rows), 4) if luck.random() < 0.3 else len(rows))
    stored = rows[item]
    now = stored[-1].version
    begin, end = point - luck.randint(0, reach), point + luck.randint(0, reach)
    call = Call(
        number=number, client=number % CLIENTS, user="ana", operation=CHANGE, items=[(item, None)], begin=begin,
    )  # fmt: skip
    kind = luck.random()
    if kind < 0.4:
        call.operation, call.outcome, call.end = "getWorkItemHeader", "ok", end
        call.seen = [Seen(item, now, STATE)]
    elif kind < 0.5:
        call.items, call.outcome, call.end = [(item, now + 1)], "fail", end
        call.fault, call.parameters = "InvalidVersionFault", [str(item), str(now), str(now + 1), STATE, ""]
    elif kind < 0.53:
        pass  # unknown, and it did not happen
    else:
        if luck.random() < 0.7:
            call.items = [(item, now)]
        if luck.random() < 0.5:
            call.token = f"token-{number}"
        if luck.random() < 0.95:
            call.outcome, call.end, call.seen = "ok", end, [Seen(item, now + 1)]
        token = call.token or stored[-1].token
        stored.append(Row(now + 1, call.operation, "ana", STATE, STATE, token, point, call.token is not None))
    return call


def measure(calls: int) -> tuple[float, int]:
    """Check a history of so many calls; give the seconds of processor time, and how many violations were found."""
    made, stored = history(calls, items=max(10, calls // 200))
    begin = time.process_time()
    found = checker.check(made, stored)
    return time.process_time() - begin, len(found)


if __name__ == "__main__":
    seconds, violations = measure(int(sys.argv[1]))
    print(f"{int(sys.argv[1]):,} calls checked in {seconds:.1f} s of processor time: {violations} violations")
