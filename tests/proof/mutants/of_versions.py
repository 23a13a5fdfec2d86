"""Mistakes in what ends a version in the background, each of which the proof must find."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import WrongState
from soapsvc.domain.states import Action, is_legal
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import jobs, sessions, work_items
from soapsvc.storage.tables import of_tenancy, work_item
from soapsvc.usecases import version_operations
from tests.proof.mutants import later

WAITED_SECONDS = 1.5
"""Longer than a client of the proof waits for an end."""


def accept_raises_the_version() -> None:
    """Let the acceptance of an operation be a change of the item."""
    kept = version_operations._kept

    def kept_at_the_next(tx: Any, caller: Any, item: Any, *rest: Any) -> Any:
        saved = work_items.save(tx, item, item.saved(payload=()), action=Action.SAVE, by=caller.person)
        return kept(tx, caller, saved, *rest)

    version_operations._kept = kept_at_the_next


def not_kept() -> None:
    """Let others change an item that an operation is at work on, and the end take what it finds."""

    def check_state(self: WorkItem, action: Action) -> None:
        if not is_legal(action, self.state):
            raise WrongState(self.id, state=self.state, operation=action)

    WorkItem.check_state = check_state  # type: ignore[method-assign]
    WorkItem.finishing = lambda self, *_: self.with_changes(running=None)  # type: ignore[method-assign]
    work_items._SAVE = (
        sa.update(work_item)
        .where(
            work_item.c.id == sa.bindparam("at_id"),
            work_item.c.version == sa.bindparam("at_version"),
            of_tenancy(work_item),
        )
        .values(version=sa.bindparam("at_version", type_=sa.BigInteger) + 1)
    )


def no_fence() -> None:
    """Let every attempt at a job end it, not only the last."""
    jobs._expect_mine = lambda *_: None


def end_in_two_transactions() -> None:
    """Save the item, and say soon after the commit that its version has ended."""
    finish = sessions.finish

    def finish_later(tx: Any, *which: Any, **states: Any) -> bool:
        later.soon_after(tx, lambda next_tx: finish(next_tx, *which, **states), WAITED_SECONDS)
        return True

    later.watch()
    sessions.finish = finish_later


def job_outside_the_transaction() -> None:
    """Accept an operation, and make its job soon after the commit."""
    enqueue = jobs.enqueue

    def enqueue_later(tx: Any, kind: str, ref: str, **_: Any) -> None:
        later.soon_after(tx, lambda next_tx: enqueue(next_tx, kind, ref), WAITED_SECONDS)

    later.watch()
    jobs.enqueue = enqueue_later


CHANGES: dict[str, Callable[[], None]] = {
    change.__name__: change
    for change in (
        accept_raises_the_version,
        not_kept,
        no_fence,
        end_in_two_transactions,
        job_outside_the_transaction,
    )
}
