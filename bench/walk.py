"""Walks requests through the service stage by stage, in one thread, and prints what each stage takes.

The stages are called as the door calls them, many times inside one transaction. What is not in the table is the HTTP
server, the event loop, and the commit that waiting requests share.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import messages as requests
from bench.racers import OURS, PERSON, opened_template
from soapsvc.domain.caller import Caller
from soapsvc.soap import envelope, messages, reference, security
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.interface import OPERATIONS
from soapsvc.soap.operations import Call
from soapsvc.soap.versions import SOAP11
from soapsvc.storage import people, work_items
from soapsvc.storage.transaction import Transaction

ITEM = 1
STAGES = ("parse", "credentials", "read", "act", "write")
_LIMITS = MessageLimits()


def main() -> None:
    """Walk so many rounds of an opening, a closing and a look; print the median of each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--reference", action="store_true", help="read and write by Spyne's own serializers instead")
    arguments = parser.parse_args()
    codec = reference if arguments.reference else messages
    with tempfile.TemporaryDirectory() as folder:
        OURS.prepare(Path(folder))
        with opened_template(Path(folder)) as database:
            times = database.write(lambda tx: _walk(tx, codec, arguments.rounds)).result()
    table = Table("operation", *(f"{stage} µs" for stage in STAGES), "together µs", box=None)
    for operation, stages in times.items():
        medians = [statistics.median(stages[stage]) * 1e6 for stage in STAGES]
        table.add_row(operation, *(f"{one:.0f}" for one in medians), f"{sum(medians):.0f}")
    Console(width=120).print(table)


def _walk(tx: Transaction, codec: Any, rounds: int) -> dict[str, dict[str, list[float]]]:
    person = people.find_resource_by_name(tx, PERSON)
    if person is None:
        raise LookupError(f"there is no {PERSON}")
    caller = Caller(person=person, tenancy=tx.tenancy or 0)
    times: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name in ("open", "close", "read"):
            numbers = (ITEM,) if name == "read" else (ITEM, work_items.get(tx, ITEM).version)
            message = (requests.requests(0)[name][1] % numbers).encode()
            _walk_one(tx, caller, codec, message, times)
    return times


def _walk_one(
    tx: Transaction, caller: Caller, codec: Any, message: bytes, times: dict[str, dict[str, list[float]]]
) -> None:
    taken: dict[str, float] = {}

    def stage(name: str, act: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = act()
        taken[name] = time.perf_counter() - start
        return result

    request = stage("parse", lambda: envelope.parse(message, None, _LIMITS, SOAP11))
    operation = OPERATIONS[str(request.body.tag)]
    stage("credentials", lambda: security.shown_by(request.headers, SOAP11, ""))
    arguments = stage("read", lambda: codec.read(operation, request.body, _LIMITS))
    result = stage("act", lambda: operation.function(Call(tx, caller), *arguments))
    stage("write", lambda: codec.write(operation, result, SOAP11))
    for name, seconds in taken.items():
        times.setdefault(operation.name, {}).setdefault(name, []).append(seconds)


if __name__ == "__main__":
    main()
