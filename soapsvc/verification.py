"""Proves, for commands, that histories and audit logs are as they were written, and shows how far that has come."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from soapsvc.domain.audit import AuditEntry

if TYPE_CHECKING:
    from soapsvc.storage.database import Database, InTenancy

_ITEMS_AT_ONCE = 500
_ENTRIES_AT_ONCE = 1_000


def shown_progress() -> Progress:
    """Give a progress bar on standard error, which shows nothing where that is no terminal."""
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal)


def broken_histories(database: "Database") -> tuple[list[int], int]:
    """Give the ids of items of all tenancies whose history was altered, and the highest id that was looked at."""
    from soapsvc.usecases import history

    broken: list[int] = []
    with shown_progress() as progress:
        highest = database.read(history.highest_id).result()
        for after in progress.track(range(0, highest, _ITEMS_AT_ONCE), description="Verifying histories"):
            portion = partial(history.broken_histories, after=after, to=after + _ITEMS_AT_ONCE)
            broken += database.read(portion).result()
    return broken, highest


def entries(database: "InTenancy", task: str) -> Iterator[AuditEntry]:
    """Give every entry of a tenancy's audit log that is there now, in portions."""
    from soapsvc.usecases import audit

    last, after = database.read(audit.highest_id).result(), 0
    with shown_progress() as progress:
        bar = progress.add_task(task, total=last)
        while after < last:
            portion = database.read(partial(audit.portion, after=after, to=last, most=_ENTRIES_AT_ONCE)).result()
            yield from portion
            after = portion[-1].id if portion else last
            progress.update(bar, completed=after)


def altered_histories(broken: list[int]) -> str:
    """Say which items' histories were altered."""
    return f"altered histories: {len(broken)}, of the work items {', '.join(map(str, broken[:20]))}"


def broken_log(database: "InTenancy") -> str | None:
    """Say where a tenancy's audit log was altered, if it was."""
    from soapsvc.usecases.audit import Chain

    chain = Chain(database.tenancy)
    for entry in entries(database, "Verifying"):
        if not chain.goes_on_with(entry):
            return f"the audit log was altered: its chain breaks at the entry with id = {entry.id}"
    return None
