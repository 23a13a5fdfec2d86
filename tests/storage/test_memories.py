"""What a process remembers is as new as if it had been read, and gone when it must be."""

import pytest

from soapsvc.domain.organisation import EntityType
from soapsvc.domain.organisation_model import ModelEntity
from soapsvc.domain.states import Action
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import list_entries, organisation, people, standing, work_items, work_types
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.memories import LONGEST_FACT, MOST_REMEMBERED, Facts, Memories
from soapsvc.usecases import scheduling
from tests.conftest import DEFAULT_TENANCY
from tests.support.databases import end_connections, run_by_hand
from tests.support.driver import watching


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memories(clock):
    return Memories(5.0, clock=clock)


def test_what_was_read_is_remembered_for_its_time(memories, clock):
    memories.begin().keep("key", "value")
    clock.now += 4.9
    assert memories.begin().find("key") == "value"
    assert memories.begin().find("other") is None
    clock.now += 0.1
    assert memories.begin().find("key") is None


def test_without_a_time_nothing_is_remembered():
    memories = Memories(0.0)
    memories.begin().keep("key", "value")
    assert memories.begin().find("key") is None


def test_a_change_lets_everything_be_forgotten(memories):
    memories.begin().keep("key", "value")
    memories.forget()
    assert memories.begin().find("key") is None


def test_who_began_before_a_change_cannot_have_its_older_reading_remembered(memories):
    before = memories.begin()
    memories.forget()
    before.keep("key", "older")
    assert memories.begin().find("key") is None


def test_an_older_reading_does_not_take_the_place_of_a_newer_one(memories):
    before = memories.begin()
    memories.forget()
    memories.begin().keep("key", "newer")
    before.keep("key", "older")
    assert memories.begin().find("key") == "newer"


def test_who_began_before_a_change_does_not_use_what_was_read_after_it(memories):
    before = memories.begin()
    memories.forget()
    memories.begin().keep("key", "newer")
    assert before.find("key") is None


def test_what_was_read_while_a_change_was_under_way_is_forgotten_when_it_is_on_disk(memories, database_url, cast):
    database = InTenancy(open_database(database_url, memories=memories), DEFAULT_TENANCY)
    read = []

    def change(tx):
        standing.changed(tx)
        # Another one reads between the change and its commit, and sees what was before.
        meanwhile = memories.begin()
        meanwhile.keep((1, cast.ana.id), "older")
        read.append(memories.begin().find((1, cast.ana.id)))

    database.write(change).result(10)
    database.close()

    assert read == ["older"]
    assert memories.begin().find((1, cast.ana.id)) is None


def resource(tx):
    found = people.find_resource(tx, "ana")
    return found and found.guid


def work_type(tx):
    found = work_types.find(tx, "claim")
    return found and found.piled


def rename(tx):
    found = people.find_resource_by_name(tx, "ana")
    renamed = ModelEntity(type=EntityType.RESOURCE, name="anna", guid=found.guid)
    organisation.change_entity(tx, found.id, renamed)


def retire(tx):
    organisation.retire_entity(tx, people.find_resource_by_name(tx, "ana").id)


def add_one_whose_guid_is_the_name(tx):
    organisation.add_entity(tx, ModelEntity(type=EntityType.RESOURCE, name="another", guid="ana"))


def load_anew(tx):
    work_types.put(tx, WorkType(id="claim", piled=True))


@pytest.mark.parametrize(
    ("find", "change", "found"),
    [
        (resource, rename, None),
        (resource, retire, None),
        (resource, add_one_whose_guid_is_the_name, "ana"),
        (work_type, load_anew, True),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_resources_and_work_types_are_remembered_until_somebody_changes_them(
    memories, database_url, cast, find, change, found
):
    database = InTenancy(open_database(database_url, memories=memories), DEFAULT_TENANCY)
    database.write(lambda tx: work_types.put(tx, WorkType(id="claim"))).result(10)
    first = database.read(find).result(10)
    selects = []
    with watching(before=lambda _, statement: selects.append(statement) if ".tenancy_id" in statement else None):
        assert database.read(find).result(10) == first
    database.write(change).result(10)
    came_to = database.read(find).result(10)
    database.close()

    assert first is not None
    assert (selects, came_to) == ([], found)


def test_the_memory_is_bounded(memories):
    memory = memories.begin()
    for number in range(MOST_REMEMBERED + 1):
        memory.keep(number, number)
    assert memory.find(MOST_REMEMBERED) == MOST_REMEMBERED
    assert memory.find(0) is None


def test_what_a_unit_has_learned_that_is_taken_back_nobody_knows(database, cast):
    """On SQLite the id of what was taken back is the next item's."""

    def offer_to(tx, name):
        item = scheduling.create_item(tx, NewWorkItem(name="Review claim"), (), (name,))
        return item.id, list_entries.offered_to(tx, item.id)

    def and_fail(tx):
        item = scheduling.create_item(tx, NewWorkItem(name="Review claim"), (), ("ana",), by=cast.ana)
        work_items.save(tx, item, item.allocated(to=cast.ana), action=Action.ALLOCATE, by=cast.ana)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(and_fail).result(10)

    item, offered_to = database.write(lambda tx: offer_to(tx, "ben")).result(10)
    assert offered_to == (cast.ben.id,)
    taken = database.write(
        lambda tx: work_items.save(
            tx,
            work_items.get(tx, item),
            work_items.get(tx, item).allocated(to=cast.ana),
            action=Action.ALLOCATE,
            by=None,
        )
    ).result(10)
    assert database.read(lambda tx: work_items.has_been_held_by(tx, taken, cast.ana)).result(10)


def test_what_a_unit_has_learned_is_looked_up_once(database, cast, offered):
    for _ in range(2):
        database.write(lambda tx: list_entries.offered_to(tx, offered.id)).result(10)
    statements: list[str] = []
    with watching(before=lambda _, statement: statements.append(statement)):
        found = database.read(lambda tx: list_entries.offered_to(tx, offered.id)).result(10)
    assert found == (cast.ana.id, cast.ben.id)
    assert not [one for one in statements if "offer" in one]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_after_a_connection_was_lost_nothing_is_known_for_good(database_url, database, cast, offered):
    """What answers now may be a copy that lacks the last commits, and gives their ids again."""
    database.write(lambda tx: list_entries.offered_to(tx, offered.id)).result(10)
    run_by_hand(database_url, "DELETE FROM offer WHERE entity_id = :ben", ben=cast.ben.id)
    assert database.read(lambda tx: list_entries.offered_to(tx, offered.id)).result(10) == (cast.ana.id, cast.ben.id)
    end_connections(database_url)
    assert database.read(lambda tx: list_entries.offered_to(tx, offered.id)).result(10) == (cast.ana.id,)


def test_what_is_forgotten_is_not_known_for_good_either(memories):
    before = memories.begin()
    memories.forget()
    before.facts.keep("key", "older")
    assert memories.begin().facts.find("key") is None


def test_a_long_fact_is_looked_up_each_time():
    facts = Facts()
    facts.keep("short", tuple(range(LONGEST_FACT)))
    facts.keep("long", tuple(range(LONGEST_FACT + 1)))
    assert facts.find("short") is not None
    assert facts.find("long") is None


def test_no_more_facts_are_kept_than_there_is_room_for():
    facts = Facts(most=2)
    for number in range(5):
        facts.keep(number, number)
        assert facts.find(number) == number
    assert sum(facts.find(number) is not None for number in range(5)) <= 2
