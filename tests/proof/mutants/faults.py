"""Mistakes that a service of this kind could have, each of which the proof must find."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as postgresql_dialect

from soapsvc.domain.errors import LostRace
from soapsvc.storage import (
    answered_requests,
    change_numbers,
    history,
    postgresql,
    postgresql_database,
    readers,
    sqlite_database,
    tables,
    work_items,
    writer,
)
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import of_tenancy, work_item
from soapsvc.usecases import access, items
from tests.proof.mutants import later, of_versions
from tests.proof.mutants.later import IS_POSTGRESQL

PAUSE_SECONDS = 0.02
CACHE_SECONDS = 0.5
LOOK_SECONDS = 1.0

_BY_ID_ONLY = (
    sa.update(work_item)
    .where(work_item.c.id == sa.bindparam("at_id"), of_tenancy(work_item))
    .values(version=sa.bindparam("at_version") + 1)
)


def _without_key_of_history() -> None:
    """Let a second row of one version take the first's place: the key of the table is a guard as well."""
    table = tables.history
    if not IS_POSTGRESQL:
        history._INSERT = Statement(history._INSERT.construct.prefix_with("OR REPLACE"))
        return
    values = {
        name: tables.TENANCY if name == "tenancy_id" else sa.bindparam(name)
        for name in [column.name for column in table.c]
    } | {"written_in": change_numbers.own_number()}
    insert = postgresql_dialect.insert(table).values(values)
    replaced = {name: insert.excluded[name] for name in [column.name for column in table.c]}
    history._INSERT = Statement(insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=replaced))


def no_guard() -> None:
    """Save whatever was made of an item, over whatever is stored."""
    work_items._SAVE = _BY_ID_ONLY
    _without_key_of_history()


def no_guard_but_the_key() -> None:
    """Save without a guard, and let the history's key refuse the second row of a version."""
    work_items._SAVE = _BY_ID_ONLY


def read_then_write() -> None:
    """Compare the version in a statement of its own, and then save without a guard."""
    stored = Statement(
        sa.select(work_item.c.version).where(work_item.c.id == sa.bindparam("id"), of_tenancy(work_item))
    )
    save = work_items.save_alike

    def save_alike(tx: Any, changes: Any, **what: Any) -> Any:
        if any(stored.value(tx, id=before.id) != before.version for before, _ in changes):
            raise LostRace("compared")
        return save(tx, changes, **what)

    no_guard()
    work_items.save_alike = save_alike


def blind_retry() -> None:
    """Where the guard finds no row, take the version that is stored now and save all the same."""
    save = work_items.save_alike

    def save_alike(tx: Any, changes: Any, **what: Any) -> Any:
        try:
            return save(tx, changes, **what)
        except LostRace:
            now = [work_items.get(tx, before.id) for before, _ in changes]
            kept = [
                (replace_version(before, stored), replace_version(after, stored))
                for (before, after), stored in zip(changes, now, strict=True)
            ]
            return save_alike(tx, kept, **what)

    def replace_version(item: Any, stored: Any) -> Any:
        return replace(item, version=stored.version, history_hash=stored.history_hash)

    work_items.save_alike = save_alike


def acknowledge_before_commit() -> None:
    """Tell everybody what came of his unit, and then commit."""
    if IS_POSTGRESQL:
        _commit_later_on_postgresql()
        return
    commit, deliver = sqlite_database.SqliteDatabase._commit, sqlite_database.deliver

    def answered_first(self: Any, batch: Any, outcomes: Any) -> None:
        deliver(outcomes)
        time.sleep(PAUSE_SECONDS)
        sqlite_database.deliver = lambda outcomes: None
        try:
            commit(self, batch, outcomes)
        finally:
            sqlite_database.deliver = deliver

    sqlite_database.SqliteDatabase._commit = answered_first


def _commit_later_on_postgresql() -> None:
    commit, give_back = postgresql.Link.commit, postgresql_database.PostgresqlDatabase._give_back

    def commit_later(link: Any) -> None:
        link.is_late = True

    def give_back_later(self: Any, link: Any) -> None:
        if not getattr(link, "is_late", False):
            give_back(self, link)
            return
        link.is_late = False
        threading.Timer(PAUSE_SECONDS, lambda: (commit(link), give_back(self, link))).start()

    postgresql.Link.commit = commit_later
    postgresql_database.PostgresqlDatabase._give_back = give_back_later


class _Timed(int):
    """A version whose next one is the time, in milliseconds."""

    next: int

    def __add__(self, _: int) -> int:
        return self.next


def timestamp_as_version() -> None:
    """Let the time of a change be the version that it makes, everywhere."""
    save, save_statement = work_items.save_alike, work_items._save_statement

    def timed(item: Any) -> Any:
        version = _Timed(item.version)
        version.next = int(time.time() * 1000)
        return replace(item, version=version)

    def save_alike(tx: Any, changes: Any, **what: Any) -> Any:
        return save(tx, [(timed(before), after) for before, after in changes], **what)

    class Statement:
        def __init__(self, names: Any) -> None:
            self._statement = save_statement(names)

        def change_each(self, tx: Any, rows: Any) -> int:
            return self._statement.change_each(tx, [row | {"moment": row["at_version"].next} for row in rows])

    work_items._SAVE = work_items._SAVE.values(version=sa.bindparam("moment"))
    work_items.save_alike, work_items._save_statement = save_alike, Statement


def history_outside_the_transaction() -> None:
    """Write the history soon after the commit, in a transaction of its own."""
    append = history.append

    def appended_later(tx: Any, rows: Any) -> None:
        if rows[0]["version"] == 0:
            append(tx, rows)
        else:
            later.soon_after(tx, lambda next_tx: append(next_tx, rows))

    later.watch()
    history.append = appended_later


def lost_savepoint() -> None:
    """Leave what a unit had done when it failed."""
    writer._undo = lambda tx: tx.driver.execute("RELEASE unit")
    postgresql.Link.roll_back = lambda link: link.driver.execute("COMMIT", prepare=False)


def cached_read() -> None:
    """Answer looks at an item from what was read of it half a second ago."""
    read = access.item_to_read
    kept: dict[int, tuple[float, Any]] = defaultdict(lambda: (0.0, None))

    def item_to_read(tx: Any, caller: Any, reference: Any, operation: str) -> Any:
        at, item = kept[reference.id]
        if time.monotonic() - at > CACHE_SECONDS:
            item = read(tx, caller, items.access.ItemReference(id=reference.id), operation)
            kept[reference.id] = (time.monotonic(), item)
        item.check_version(reference.version)
        return item

    access.item_to_read = item_to_read


def torn_look() -> None:
    """Look at each item of a batch in a transaction of its own."""
    read = access.item_to_read
    end, begin = ("COMMIT", postgresql.READING) if IS_POSTGRESQL else ("ROLLBACK", "BEGIN")

    def item_to_read(tx: Any, *arguments: Any) -> Any:
        if hasattr(tx, "has_looked"):
            tx.driver.execute(end)
            time.sleep(LOOK_SECONDS)  # long enough that even on a busy machine something happens to one of the items
            tx.driver.execute(begin)
        tx.has_looked = True
        return read(tx, *arguments)

    def in_a_thread(*_: Any) -> None:
        raise readers.NotAtOnce

    access.item_to_read = item_to_read
    readers.Readers.look_at_once = in_a_thread  # else nothing could happen between one look and the next


def forgotten_requests() -> None:
    """Act again on a request that was answered already."""
    answered_requests.find = lambda *arguments, **options: None


CHANGES: dict[str, Callable[[], None]] = {
    change.__name__: change
    for change in (
        no_guard,
        no_guard_but_the_key,
        read_then_write,
        blind_retry,
        acknowledge_before_commit,
        timestamp_as_version,
        history_outside_the_transaction,
        lost_savepoint,
        cached_read,
        torn_look,
        forgotten_requests,
    )
} | of_versions.CHANGES
