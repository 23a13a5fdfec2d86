"""What an operator does about people, and what he may look at."""

import pytest

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import InvalidRequest, NameTaken, UnknownEntity, UnknownWorkItem
from soapsvc.usecases import history, people


@pytest.fixture
def add(write):
    def person(name: str = "dora", guid: str | None = None, **more):
        return write(lambda tx: people.add_person(tx, name=name, guid=guid, password_hash="h", **more))

    return person


def test_a_person_gets_a_guid_if_none_is_given(add):
    one, other = add("dora"), add("emil")

    assert len(one.guid) == 36
    assert one.guid != other.guid


@pytest.mark.parametrize("guid", ["6353AB5E-C395-409C-E706C02F22DA", "x", "x" * 64, "\u00df" * 64])
def test_a_guid_is_any_text_of_up_to_64_characters(add, write, guid):
    assert add(guid=guid).guid == guid
    assert write(lambda tx: people.find_person(tx, "dora")).guid == guid


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": " "},
        {"name": " dora"},
        {"name": "dora "},
        {"name": "do\nra"},
        {"name": "do,ra"},
        {"name": "do:ra"},
        {"name": "x" * 101},
        {"guid": ""},
        {"guid": "x" * 65},
        {"guid": "a b\t"},
        {"guid": "a,b"},
        {"max_open_items": -1},
    ],
)
def test_a_person_that_could_not_be_named_is_refused(add, everything, wrong):
    before = everything()

    with pytest.raises(InvalidRequest):
        add(**({"name": "dora"} | wrong))
    assert everything() == before


@pytest.mark.parametrize("taken", [{"name": "ana"}, {"name": "dora", "guid": "guid-of-ana"}])
def test_a_name_or_a_guid_that_exists_is_refused(add, taken):
    with pytest.raises(NameTaken):
        add(**taken)


@pytest.mark.parametrize("most", [None, 0, 7])
def test_a_person_may_have_a_limit(add, most):
    assert add(max_open_items=most).max_open_items == most


def test_an_unknown_person_is_named(write):
    for unit in (
        lambda tx: people.find_person(tx, "nobody"),
        lambda tx: people.set_password(tx, "nobody", "h"),
        lambda tx: people.grant(tx, "nobody", SystemAction.VIEW_WORK_LIST),
        lambda tx: people.grants_of(tx, "nobody"),
    ):
        with pytest.raises(UnknownEntity) as unknown:
            write(unit)
        assert unknown.value.parameters == ("nobody",)


def test_what_was_granted_is_listed(write):
    assert write(lambda tx: people.grant(tx, "ana", SystemAction.VIEW_WORK_LIST)) is True
    assert write(lambda tx: people.grant(tx, "ana", SystemAction.VIEW_WORK_LIST)) is False
    assert write(lambda tx: people.grants_of(tx, "ana")) == [(SystemAction.VIEW_WORK_LIST, None)]
    assert {action for action, _ in write(lambda tx: people.grants_of(tx, "supervisor"))} == set(SystemAction)


def test_the_operator_sees_items_and_their_history(write, pended, new_item):
    other = new_item()

    assert [entry.version for entry in write(lambda tx: history.history_of(tx, pended.id))] == [0, 1, 2]
    assert write(lambda tx: history.show_item(tx, pended.id)) == pended
    assert write(lambda tx: history.list_items(tx, 10)) == [pended, other]
    for look in (history.history_of, history.show_item):
        with pytest.raises(UnknownWorkItem):
            write(lambda tx, one=look: one(tx, 4711))
