"""A process that asks for an operation, works on it, and kills itself at a step.

The steps are functions that the worker is given; here they are given wrapped. Arguments: the database's URL, the
person, the item's and the version's GUID, the kind, the step.
"""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.caller import Caller
from soapsvc.domain.version_session import OperationKind, OperationRequest
from soapsvc.jobs.runner import Runner
from soapsvc.jobs.version_operations import OperationHandler, Patience, Steps, VersionOperations
from soapsvc.storage import jobs
from soapsvc.storage.database import Clock, Database, InTenancy, open_database, real_time
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.waiters import Waiters
from soapsvc.usecases import people, version_operations
from soapsvc.usecases.versions import Target
from tests.support.versions import CALLBACK

STEPS = (
    "before accepting",
    "accepted, not committed",
    "accepted and committed",
    "before loading",
    "loaded",
    "worked",
    "finished, not committed",
    "finished and committed",
)
HANGING = "hanging at work"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        die()

    return wrapped


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        function(*arguments, **options)
        die()

    return wrapped


def after_commit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Die when the unit is committed, and before anything else that follows."""

    @wraps(function)
    def wrapped(tx: Transaction, *arguments: Any, **options: Any) -> Any:
        tx.after_commit(die)
        return function(tx, *arguments, **options)

    return wrapped


def hang(_: Any) -> tuple[()]:
    """Say that the work has begun, and go on when told to."""
    sys.stdout.write("working\n")
    sys.stdout.flush()
    sys.stdin.readline()
    return ()


def no_work(_: Any) -> tuple[()]:
    return ()


def steps_for(step: str) -> Steps:
    load, finish = version_operations.load, version_operations.finish
    return {
        "before loading": Steps(work=no_work, load=before(load)),
        "loaded": Steps(work=no_work, load=after(load)),
        "worked": Steps(work=after(no_work)),
        "finished, not committed": Steps(work=no_work, finish=after(finish)),
        "finished and committed": Steps(work=no_work, finish=after_commit(finish)),
        HANGING: Steps(work=hang),
    }.get(step, Steps(work=no_work))


def accept_for(step: str) -> Callable[..., Any]:
    accept = version_operations.accept
    return {
        "before accepting": before(accept),
        "accepted, not committed": after(accept),
        "accepted and committed": after_commit(accept),
    }.get(step, accept)


def record(tx: Transaction, finished: Any) -> None:
    """Leave a row for what is told, as a delivery would be."""
    jobs.enqueue(tx, "deliver", finished.id)


def opened(url: str, clock: Clock = real_time) -> Database:
    return open_database(sa.make_url(url), clock=clock)


def worker(database: Database, steps: Steps, waiters: Waiters, **options: Any) -> Runner:
    handlers = [
        OperationHandler(database=database, kind=kind, slots=1, steps=steps, ended=waiters.wake, record_delivery=record)
        for kind in OperationKind
    ]
    return Runner(database, handlers, **options)


async def ask(database: Database, person: str, target: Target, kind: OperationKind, step: str) -> None:
    waiters = Waiters(10)
    runner = worker(database, steps_for(step), waiters, lease=timedelta(seconds=3), poll_seconds=0.05)
    runner.begin()
    operations = VersionOperations(
        database, runner, waiters, dict.fromkeys(OperationKind, Patience(timeout=30, polling=5))
    )
    tenancy = InTenancy(database, 1)
    caller = Caller(person=await tenancy.seen(partial(people.find_person, name=person)), tenancy=1)
    request = OperationRequest(id=str(uuid.uuid4()), kind=kind, callback=CALLBACK)
    await operations.submit(caller, target, request, accept=accept_for(step))
    await asyncio.to_thread(runner.stop)
    database.close()


def run(url: str, person: str, item: str, session: str, kind: str, step: str) -> None:
    asyncio.run(ask(opened(url), person, Target(item=item, session=session), OperationKind(kind), step))


def main() -> None:
    """Run what the arguments say, or what each line of standard input says, in a process of its own that is forked."""
    if len(sys.argv) > 1:
        run(*sys.argv[1:])
        return
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(*json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
