"""Short writes from an event loop on PostgreSQL: who may share a transaction does, and nobody else."""

import asyncio
import contextlib
import re
from collections import Counter
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg

from soapsvc.domain.errors import (
    OpenLimitReached,
    UnknownWorkItem,
)
from soapsvc.storage import locks, schema, work_items
from soapsvc.storage.database import InTenancy, Limits, open_database
from soapsvc.storage.postgresql_database import MOST_UNITS_A_BATCH
from soapsvc.storage.statements import Manner, Statement, _Compiled
from soapsvc.storage.tables import of_tenancy, work_item
from soapsvc.storage.transaction import RunFirst
from soapsvc.usecases import allocation
from soapsvc.usecases.access import ItemReference
from tests.conftest import DEFAULT_TENANCY
from tests.storage.units import changing, told
from tests.support.databases import run_by_hand
from tests.support.driver import watching
from tests.support.statements import every_statement

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]


@pytest.fixture
def new_loop():
    """Make an event loop, of the one kind that is everywhere: nothing here depends on it."""
    return asyncio.new_event_loop


TOUCH = Statement(
    sa.update(work_item)
    .where(work_item.c.id == sa.bindparam("at_id"), of_tenancy(work_item))
    .values(description="touched"),
    guarded_by="at_id",
)


def transactions(url: sa.URL) -> set[int]:
    """The numbers of the transactions that have changed items."""
    return {number for (number,) in run_by_hand(url, "SELECT written_in FROM history WHERE version = 1")}


def test_units_that_wait_together_are_committed_by_one_commit(together, commits, database_url, new_item, versions):
    ids = [new_item().id for _ in range(3)]
    commits.clear()
    assert together(*map(changing, ids)) == [1, 1, 1]
    assert commits == ["COMMIT"]
    assert [versions(one) for one in ids] == [([0, 1], 1)] * 3
    assert len(transactions(database_url)) == 1


def test_no_commit_is_shared_by_more_units_than_the_limit(together, commits, offered):
    commits.clear()
    together(*[lambda tx: work_items.get(tx, offered.id)] * (2 * MOST_UNITS_A_BATCH + 1))
    assert len(commits) == 3


def test_all_look_before_any_changes_a_row(together, new_item):
    """So a row is locked for no longer than from the change to the commit."""
    first, second = new_item().id, new_item().id
    seen = []

    def looking_twice(tx):
        work_items.get(tx, second)
        work_items.get(tx, second)
        TOUCH.change(tx, at_id=second)

    with watching(before=lambda _, statement: seen.append(statement.partition(" ")[0])):
        together(lambda tx: TOUCH.change(tx, at_id=first), looking_twice)
    assert seen[-5:] == ["SELECT"] * 2 + ["UPDATE"] * 2 + ["COMMIT"]


def test_rows_are_changed_in_the_order_of_the_items_whatever_that_of_the_units(together, new_item):
    """As everybody does: no two batches of two processes wait for each other."""
    ids = [new_item().id for _ in range(4)]
    changed = []

    def unit(item_id, tx):
        TOUCH.change(tx, at_id=item_id)
        changed.append(item_id)

    together(*(partial(unit, one) for one in (ids[2], ids[0], ids[3], ids[1])))
    assert changed == ids


def test_answers_come_only_after_the_commit(database, on_loop, offered):
    futures, done_before = [], []

    async def main():
        futures.extend(map(asyncio.ensure_future, (database.written(changing(offered.id)), database.written(missing))))
        await asyncio.wait(futures)

    def missing(tx):
        return work_items.get(tx, 4711)

    def look(_, statement):
        if statement == "COMMIT":
            done_before.extend(future.done() for future in futures)

    with watching(before=look):
        on_loop(main())
    assert done_before == [False, False]
    assert isinstance(futures[1].exception(), UnknownWorkItem)


# Units that must be alone


def by_a_lock(tx, item):
    locks.lock_items(tx, [item])


def by_a_change_without_a_guard(tx, _):
    schema.touch(tx)


def by_a_lock_without_a_row(tx, _):
    locks.alone(tx, "tests")


def by_sqlalchemy(tx, _):
    tx.connection.exec_driver_sql("SELECT 1")


def by_its_own_word(tx, _):
    tx.be_alone()


@pytest.mark.parametrize(
    "how", [by_a_lock, by_a_change_without_a_guard, by_a_lock_without_a_row, by_sqlalchemy, by_its_own_word]
)
def test_who_asks_for_more_than_a_look_or_a_guarded_change_gets_a_transaction_of_his_own(
    together, database_url, new_item, how
):
    first, second = new_item().id, new_item().id

    def unit(tx):
        with contextlib.suppress(Exception):  # nobody can mistake it for a refusal
            how(tx, first)
        return changing(first)(tx)

    assert together(unit, changing(second)) == [1, 1]
    assert len(transactions(database_url)) == 2


def test_two_who_open_for_one_person_do_not_both_have_the_last_of_his_limit(together, database_url, cast, new_item):
    run_by_hand(database_url, "UPDATE entity SET max_open_items = 1 WHERE id = :id", id=cast.ana.id)
    batches = [[allocation.Allocation(item=ItemReference(id=new_item().id), resource="ana")] for _ in range(2)]
    came_to = together(
        *(lambda tx, b=batch: allocation.allocate_and_open_items(tx, cast.caller("ana"), b) for batch in batches)
    )
    assert Counter(type(one) for one in came_to) == {list: 1, OpenLimitReached: 1}


def test_many_who_take_the_next_item_get_different_ones(together, cast, new_item):
    for _ in range(5):
        new_item()
    came_to = together(*[lambda tx: allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None).id] * 5)
    assert len(set(came_to)) == 5


def test_who_wants_another_unit_first_gets_it(together, new_item, versions):
    item, other = new_item().id, new_item().id

    def unit(tx):
        if work_items.get(tx, item).version == 0:
            raise RunFirst(changing(item))
        return changing(item)(tx)

    assert together(unit, changing(other)) == [2, 1]
    assert versions(item) == ([0, 1, 2], 2)


def test_where_there_is_one_connection_everybody_is_alone(database_url, on_loop, commits, new_item):
    ids = [new_item().id for _ in range(3)]
    database = open_database(database_url, limits=Limits(connections=1))
    commits.clear()
    try:
        alone = InTenancy(database, DEFAULT_TENANCY)

        async def main():
            return await told(alone.written(changing(one)) for one in ids)

        assert on_loop(main()) == [1, 1, 1]
    finally:
        database.close()
    assert len(commits) == 3


def test_only_looks_and_the_guard_may_share_a_transaction_with_others():
    """What is not known to be harmless is not: on PostgreSQL a lock, or a function of the server's, is no look."""
    dialect = psycopg.dialect(paramstyle="format")
    every = every_statement()
    manners = {name: _Compiled(one.construct, dialect, one.guarded_by).manner for name, one in every.items()}
    assert {name for name, manner in manners.items() if manner is Manner.GUARDS} == {"work_items._save_statement"}
    for name, manner in manners.items():
        sql = str(every[name].construct.compile(dialect=dialect))
        harms = re.search(r"\b(INSERT|UPDATE|DELETE|pg_\w+\(|set\w+\()", sql)
        assert (manner is Manner.LOOKS) == (not harms), name
