"""A list that takes too long to read is refused, whatever the filter; whoever reads next is not disturbed."""

import time

import pytest
import sqlalchemy as sa

from soapsvc.domain.errors import InvalidRequest, ListTookTooLong
from soapsvc.domain.list_view import Criteria
from soapsvc.storage import list_criteria
from soapsvc.storage.list_tables import list_entry
from soapsvc.storage.patience import reading_within
from soapsvc.usecases import allocation, work_lists
from soapsvc.usecases.work_lists import ListLimits, Paging

ROWS = 3_000
SOON = ListLimits(seconds=1.0)
HOSTILE = " OR ".join(["name='*" + "a" * 60 + "b'"] * 199)
"""Within every limit of the language, and where names are long and alike each of its terms fails as late as it can."""


@pytest.fixture
def long_list(write, make):
    """A list that it takes seconds to read with that filter."""
    item = make("ana", name="a" * 255)
    ana = sa.select(list_entry).where(list_entry.c.work_item_id == item)

    def fill(tx):
        row = dict(tx.connection.execute(ana).mappings().one())
        rows = [row | {"work_item_id": item + number} for number in range(1, ROWS)]
        tx.connection.execute(sa.insert(list_entry), rows)

    write(fill)
    return item


def test_a_hostile_filter_is_stopped_and_the_next_who_reads_is_not(long_list, listed):
    began = time.monotonic()
    with pytest.raises(ListTookTooLong) as slow:
        listed("GUID-of-ana", filter=HOSTILE, limits=SOON)
    assert time.monotonic() - began < 5
    assert slow.value.parameters == ("1",)
    for _ in range(5):
        assert [item.id for item in listed("GUID-of-ana", limits=SOON).items] == [long_list]


def test_counting_is_stopped_though_the_page_was_soon_full(long_list, listed):
    quick = f"id<={long_list + 5} OR {HOSTILE}"
    assert len(listed("GUID-of-ana", filter=quick, limits=SOON, paging=Paging(most=1, with_total=False)).items) == 1
    with pytest.raises(ListTookTooLong):
        listed("GUID-of-ana", filter=quick, limits=SOON, paging=Paging(most=1))


def test_who_takes_the_next_item_by_such_a_filter_is_refused_and_takes_none(long_list, write, cast, stored):
    write(lambda tx: list_criteria.put(tx, cast.ana, Criteria(filter=HOSTILE)))
    with pytest.raises(InvalidRequest, match=r"within 1 seconds"):
        write(lambda tx: allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None, limits=SOON))
    assert stored(long_list).version == 0
    write(lambda tx: list_criteria.put(tx, cast.ana, Criteria()))
    write(lambda tx: allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None, limits=SOON))
    assert stored(long_list).version == 1


@pytest.mark.parametrize("kind", ["postgresql"])
def test_only_lists_are_read_with_settings_of_their_own(write, cast, make):
    """No plan that suits all lists: it would look for the parts that they lie in anew for each row."""
    make("ana")

    def settings(tx):
        names = ("statement_timeout", "plan_cache_mode")
        return tuple(tx.connection.execute(sa.text(f"SHOW {name}")).scalar_one() for name in names)

    def look(tx):
        before = settings(tx)
        with reading_within(tx, 2.5):
            within = settings(tx)
        between = settings(tx)
        work_lists.next_offered(tx, cast.ana, limits=SOON)
        return before, within, between, settings(tx)

    usual = ("10s", "auto")
    assert write(look) == (usual, ("2500ms", "force_custom_plan"), usual, usual)
