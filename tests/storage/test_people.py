"""Entities, accounts and grants in the database."""

import pytest
import sqlalchemy as sa

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import NameTaken
from soapsvc.domain.organisation import EntityType
from soapsvc.storage import people
from soapsvc.storage.tables import account, entity


def test_a_person_is_found_by_guid_in_any_case_and_by_name(write, cast):
    def unit(tx):
        return [
            people.find_entity(tx, "GUID-of-ana"),
            people.find_entity(tx, "guid-OF-ANA"),
            people.find_resource_by_name(tx, "ana"),
            people.find_resource(tx, "ana"),
            people.find_resource(tx, "gUiD-oF-aNa"),
        ]

    assert write(unit) == [cast.ana] * 5


@pytest.mark.parametrize("reference", ["", "Ana", "ana ", "GUID-of", "%", "GUID_of_ana", "nobody"])
def test_nobody_is_found_by_what_is_neither_a_guid_nor_a_name(write, cast, reference):
    assert write(lambda tx: people.find_resource(tx, reference)) is None


def test_a_guid_is_kept_as_it_was_written_and_need_be_no_uuid(write):
    guid = "6353AB5E-C395-409C-E706C02F22DA"

    write(lambda tx: people.add_person(tx, name="dora", guid=guid, password_hash="h", max_open_items=3))
    found = write(lambda tx: people.find_entity(tx, guid.lower()))

    assert (found.guid, found.name, found.type, found.max_open_items) == (guid, "dora", EntityType.RESOURCE, 3)


def test_a_guid_comes_before_a_name(write, cast):
    write(lambda tx: people.add_person(tx, name="GUID-of-ana", guid="other", password_hash="h"))

    assert write(lambda tx: people.find_resource(tx, "GUID-of-ana")) == cast.ana


def test_a_group_is_an_entity_and_no_resource(write, cast):
    def unit(tx):
        tx.connection.execute(
            sa.insert(entity).values(tenancy_id=1, type=EntityType.GROUP, guid="Clerks", guid_key="clerks", name="ana")
        )
        return people.find_entity(tx, "CLERKS"), people.find_resource(tx, "CLERKS"), people.find_resource(tx, "ana")

    group, as_resource, by_name = write(unit)

    assert group.type is EntityType.GROUP
    assert as_resource is None
    assert by_name == cast.ana


@pytest.mark.parametrize(
    ("name", "guid", "taken"),
    [("ana", "new", "ana"), ("new", "GUID-of-ana", "GUID-of-ana"), ("new", "guid-of-ANA", "guid-of-ANA")],
)
def test_a_name_or_a_guid_that_exists_is_refused(write, cast, name, guid, taken):
    with pytest.raises(NameTaken) as refused:
        write(lambda tx: people.add_person(tx, name=name, guid=guid, password_hash="h"))

    assert refused.value.parameters == (taken,)
    assert len(write(people.everyone)) == 4


def test_an_account_gives_the_person_and_the_hash_unless_it_is_disabled(write, cast):
    write(lambda tx: people.set_password_hash(tx, cast.ana, "new hash"))
    assert write(lambda tx: people.find_account(tx, "ana")) == (cast.ana, "new hash")

    write(lambda tx: tx.connection.execute(sa.update(account).where(account.c.name == "ana").values(enabled=False)))

    assert write(lambda tx: people.find_account(tx, "ana")) is None
    assert write(lambda tx: people.find_account(tx, "nobody")) is None


def test_a_new_password_is_nobody_elses(write, cast):
    ben = write(lambda tx: people.find_account(tx, "ben"))

    write(lambda tx: people.set_password_hash(tx, cast.ana, "new hash"))

    assert write(lambda tx: people.find_account(tx, "ben")) == ben


def test_a_grant_is_one_persons_and_is_new_only_once(write, cast):
    action = SystemAction.VIEW_WORK_LIST

    assert write(lambda tx: people.grant(tx, cast.ana, action)) is True
    assert write(lambda tx: people.grant(tx, cast.ana, action)) is False
    assert write(lambda tx: people.has_grant(tx, cast.ana, action))
    assert not write(lambda tx: people.has_grant(tx, cast.ana, SystemAction.VIEW_GLOBAL_WORK_LIST))
    assert not write(lambda tx: people.has_grant(tx, cast.ben, action))
    assert write(lambda tx: people.grants_of(tx, cast.ana)) == [(action, None)]


def test_everyone_is_listed_by_name(write):
    write(lambda tx: people.add_person(tx, name="abel", guid="abel", password_hash="h"))

    assert [person.name for person in write(people.everyone)] == ["abel", "ana", "ben", "carl", "supervisor"]
