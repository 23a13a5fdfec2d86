"""A unit may want another to run first: that one stands whatever becomes of the unit, and both share one commit."""

import pytest

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import people
from soapsvc.storage.transaction import RunFirst
from soapsvc.storage.writer import MOST_RUNS_A_UNIT
from tests.storage.units import DEADLINE, adding, adding_and_failing, names, spoiling_the_commit


def wanting(first, then):
    """A unit that wants another to run before it, until it finds what that one writes."""

    def unit(tx):
        if people.find_resource_by_name(tx, "first") is None:
            adding("half done")(tx)
            raise RunFirst(first)
        return then(tx)

    return unit


def test_the_unit_finds_what_ran_first_and_nothing_of_its_own_broken_off_run(database, another_process):
    assert database.write(wanting(adding("first"), adding("second"))).result(DEADLINE) == "second"
    assert names(another_process) >= {"first", "second"}
    assert "half done" not in names(another_process)


def test_both_are_committed_by_one_commit(database, commits):
    database.write(wanting(adding("first"), adding("second"))).result(DEADLINE)

    assert len(commits) == 1


def test_what_ran_first_stands_though_the_unit_then_fails(database, another_process, commits):
    failed = database.write(wanting(adding("first"), adding_and_failing("second")))

    with pytest.raises(ValueError, match="second"):
        failed.result(DEADLINE)
    assert "first" in names(another_process)
    assert "second" not in names(another_process)
    assert len(commits) == 1


def test_nobody_is_told_of_either_before_the_commit_is_on_disk(database, held, another_process):
    with held():
        told = database.write(wanting(adding("first"), adding_and_failing("second")))
        spoilt = database.write(spoiling_the_commit)

    assert isinstance(told.exception(DEADLINE), StorageUnavailable)  # and not the ValueError: nothing came of either
    assert isinstance(spoilt.exception(DEADLINE), StorageUnavailable)
    assert "first" not in names(another_process)


def test_what_follows_the_first_unit_happens_after_the_commit_though_the_second_fails(database):
    followed: list[str] = []

    def first(tx):
        tx.after_commit(lambda: followed.append("first"))
        return adding("first")(tx)

    def second(tx):
        tx.after_commit(lambda: followed.append("second"))
        tx.after_rollback(lambda: followed.append("second undone"))
        raise ValueError("second")

    database.write(wanting(first, second)).exception(DEADLINE)

    assert followed == ["first", "second undone"]


def test_the_unit_fails_with_the_first_if_that_fails_and_the_writer_goes_on(database, another_process):
    failed = database.write(wanting(adding_and_failing("first"), adding("second")))

    with pytest.raises(ValueError, match="first"):
        failed.result(DEADLINE)
    assert names(another_process).isdisjoint({"first", "second"})
    assert database.write(adding("third")).result(DEADLINE) == "third"


def test_units_may_want_others_to_run_first_in_a_row(database, another_process):
    many = [f"p{number}" for number in range(2 * MOST_RUNS_A_UNIT)]

    def unit(tx):
        for name in many:
            if people.find_resource_by_name(tx, name) is None:
                raise RunFirst(adding(name))
        return "done"

    assert database.write(unit).result(DEADLINE) == "done"  # these are no lost races, of which there may be few
    assert names(another_process) >= set(many)


def test_a_unit_that_wants_others_first_for_ever_is_given_up(database):
    def insatiable(tx):
        raise RunFirst(lambda _: None)

    assert isinstance(database.write(insatiable).exception(DEADLINE), StorageUnavailable)
    assert database.write(adding("next")).result(DEADLINE) == "next"
