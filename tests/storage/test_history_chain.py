"""The history of every item is a chain of hashes: whatever is done to it behind the service's back is found."""

# The statements are the tests' own.
# ruff: noqa: S608

from dataclasses import replace

import pytest

from soapsvc.domain.states import Action
from soapsvc.storage import history, work_items
from soapsvc.usecases import history as histories
from tests.support.databases import run_by_hand


@pytest.fixture
def lived(database, cast, new_item):
    """Three items with four versions each; data change in the second and the last."""
    made = [new_item() for _ in range(3)]

    def live(tx):
        for item in made:
            taken = item.allocated_and_opened(to=cast.ana, session=f"s{item.id}")
            taken = work_items.save(tx, item, taken, action=Action.ALLOCATE_AND_OPEN, by=cast.ana)
            filled = taken.saved(payload=[_filled(taken.fields[1], "first")])
            saved = work_items.save(tx, taken, filled, action=Action.SAVE, by=cast.ana)
            closed = saved.closed(payload=[_filled(saved.fields[1], "second")], hidden_until=None)
            work_items.save(tx, saved, closed, action=Action.CLOSE, by=cast.ana)

    database.write(live).result(10)
    return [item.id for item in made]


def _filled(field, value):
    return replace(field, values=(value,))


@pytest.fixture
def broken(database):
    """Give the items whose history is found broken."""
    return lambda: database.read(
        lambda tx: histories.broken_histories(tx, after=0, to=histories.highest_id(tx))
    ).result(10)


@pytest.fixture
def tamper(database_url):
    def run(*statements: str) -> None:
        for statement in statements:
            run_by_hand(database_url, statement)

    return run


def test_what_the_service_wrote_is_whole(lived, broken):
    assert broken() == []


@pytest.mark.parametrize(
    "column",
    [
        "action = 'openWorkItem'", "actor_id = 2", "actor_id = NULL", "at = at + 1", "state_before = NULL",
        "state_after = 'OFFERED'", "changed = '[]'", "hash = 'x'",
        """fields = replace(fields, 'first', 'other')""", "fields = NULL", "fields = ''",
    ],
)  # fmt: skip
def test_a_changed_row_is_found(lived, broken, tamper, column):
    tamper(f"UPDATE history SET {column} WHERE work_item_id = {lived[1]} AND version = 2")

    assert broken() == [lived[1]]


@pytest.mark.parametrize("version", range(4))
def test_a_removed_row_is_found_wherever_it_stood(lived, broken, tamper, version):
    tamper(f"DELETE FROM history WHERE work_item_id = {lived[1]} AND version = {version}")

    assert broken() == [lived[1]]


def test_a_removed_row_is_found_though_those_after_it_move_up(lived, broken, tamper):
    tamper(
        f"DELETE FROM history WHERE work_item_id = {lived[1]} AND version = 2",
        f"UPDATE history SET version = 2 WHERE work_item_id = {lived[1]} AND version = 3",
        f"UPDATE work_item SET version = 2 WHERE id = {lived[1]}",
    )

    assert broken() == [lived[1]]


def test_a_history_cut_short_together_with_its_item_is_found(lived, broken, tamper):
    tamper(
        f"DELETE FROM history WHERE work_item_id = {lived[1]} AND version = 3",
        f"UPDATE work_item SET version = 2, state = 'OPENED' WHERE id = {lived[1]}",
    )

    assert broken() == [lived[1]]


def test_a_history_that_is_gone_altogether_is_found(lived, broken, tamper):
    tamper(f"DELETE FROM history WHERE work_item_id = {lived[1]}")

    assert broken() == [lived[1]]


@pytest.mark.parametrize("of", [0, 3])
def test_an_added_row_is_found(lived, broken, tamper, of):
    columns = "tenancy_id, action, actor_id, at, state_before, state_after, changed, fields, hash"
    tamper(
        f"INSERT INTO history (work_item_id, version, {columns}) SELECT work_item_id, 4, {columns} FROM history "
        f"WHERE work_item_id = {lived[1]} AND version = {of}",
        f"UPDATE work_item SET version = 4 WHERE id = {lived[1]}",
    )

    assert broken() == [lived[1]]


def test_swapped_rows_are_found(lived, broken, tamper):
    tamper(
        f"UPDATE history SET version = 9 WHERE work_item_id = {lived[1]} AND version = 1",
        f"UPDATE history SET version = 1 WHERE work_item_id = {lived[1]} AND version = 2",
        f"UPDATE history SET version = 2 WHERE work_item_id = {lived[1]} AND version = 9",
    )

    assert broken() == [lived[1]]


def test_histories_swapped_between_items_are_found(lived, broken, tamper):
    first, second, _ = lived
    tamper(
        f"UPDATE history SET version = version + 100 WHERE work_item_id = {first}",
        f"UPDATE history SET work_item_id = {first} WHERE work_item_id = {second}",
        f"UPDATE history SET work_item_id = {second}, version = version - 100 WHERE version >= 100",
    )

    assert broken() == [first, second]


@pytest.mark.parametrize(
    "column",
    ["version = version + 1", "state = 'OFFERED'", "history_hash = ''", "fields = replace(fields, 'second', 'third')"],
)
def test_a_changed_item_is_found(lived, broken, tamper, column):
    tamper(f"UPDATE work_item SET {column} WHERE id = {lived[1]}")

    assert broken() == [lived[1]]


NO_REFERENCES = {
    "sqlite": ["PRAGMA foreign_keys = OFF"],
    "postgresql": [
        f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_work_item_id"
        for table in ("history", "offer", "holder", "version_session")
    ],
}


def test_gaps_between_ids_hide_nothing(kind, lived, broken, tamper, database):
    tamper(
        f"UPDATE history SET changed = '[]' WHERE work_item_id = {lived[0]} AND version = 3",
        *NO_REFERENCES[kind],
        f"UPDATE work_item SET id = 5000000 WHERE id = {lived[2]}",  # its history is left behind: it has none
    )

    assert broken() == [lived[0], 5_000_000]

    def in_portions(tx):
        return [found for after in range(5) for found in history.broken_chains(tx, after=after, to=after + 1)]

    assert database.read(in_portions).result(10) == [lived[0]]
    assert database.read(lambda tx: list(history.broken_chains(tx, after=4_999_999, to=6_000_000))).result(10) == [
        5_000_000
    ]


def test_a_portion_without_items_is_whole(database):
    assert database.read(lambda tx: list(history.broken_chains(tx, after=100, to=200))).result(10) == []
    assert database.read(histories.highest_id).result(10) == 0


def test_equal_rows_of_two_items_have_different_hashes(lived, database):
    def hashes(tx):
        return [work_items.get(tx, item_id).history_hash for item_id in lived]

    assert len(set(database.read(hashes).result(10))) == 3
