"""What a service does by the clock, besides answering requests and doing jobs."""

import asyncio
import logging
from datetime import timedelta
from functools import partial

from soapsvc.storage import list_marks
from soapsvc.storage.database import Database
from soapsvc.storage.list_changes import ListChanges
from soapsvc.storage.waiters import Waiters
from soapsvc.usecases import deliveries, idempotency, repeats, single_use, timers, token_keys
from soapsvc.usecases.witness import Witness

SWEEP_SECONDS = 1.0
SWEEP_PORTION = 100

_log = logging.getLogger(__name__)


async def sweep(database: Database, *, deliveries_kept: timedelta) -> None:
    """Do what is due by the clock, about once a second, in portions that leave room for callers between them.

    Of deliveries, which may be many, it forgets a portion each time.
    """
    forgetting = (
        repeats.forget_old,
        single_use.forget_old,
        token_keys.forget_old,
        idempotency.forget_old,
        partial(deliveries.forget_old, kept=deliveries_kept, most=SWEEP_PORTION),
    )
    portion = partial(timers.bring_back_due_anywhere, most=SWEEP_PORTION)
    while True:
        try:
            while await database.written(portion, is_long=True):
                pass
            for forget_old in forgetting:
                await database.written(forget_old, is_long=True)
        except Exception:  # whatever it is, hidden items must not stay hidden for it
            _log.exception("the sweep failed; it will try again")
        await asyncio.sleep(SWEEP_SECONDS)


async def keep_looking(database: Database, changes: ListChanges, items: Waiters) -> None:
    """Look about once a second, for all who wait, for what other processes, nodes and commands have changed."""
    point, organisation = None, -1
    while True:
        try:
            before, since = database.changes(), point
            seen, lists = await database.seen(partial(list_marks.changed_anywhere, since=since))
            if lists is None or before != organisation:
                changes.note_all()
            else:
                changes.note(lists)
            if items.count:
                changed = await database.seen(partial(list_marks.items_changed_anywhere, since=since))
                items.wake_all() if changed is None else items.wake(*map(str, changed))
            point, organisation = seen, before  # only now: what could not be told is looked for again
        except Exception:  # whatever it is, those who wait shall be told later
            _log.exception("what has become of work lists and items could not be looked at; it will be tried again")
        await asyncio.sleep(SWEEP_SECONDS)


async def keep_recording(witness: Witness) -> None:
    """Write to the audit log what was noted while requests were answered, about once a second."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await witness.flush()
        except Exception:  # whatever it is, the next entries must not be lost for it
            _log.exception("the audit log could not be written; it will be tried again")
