"""Loading an organisation: it becomes what is said, items keep whom they were offered to, and nobody is lost."""

import contextlib
import shutil
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.domain.errors import InvalidRequest, NameTaken, UnknownEntity, UnknownReference
from soapsvc.domain.organisation import EntityType
from soapsvc.domain.organisation_model import EntityName, Link, ModelEntity, OrganisationModel, above, difference
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.storage import organisation as stored_organisation
from soapsvc.storage import people as stored_people
from soapsvc.storage import schema, standing, work_items
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.usecases import organisation, people, scheduling
from tests.conftest import DEFAULT_TENANCY
from tests.support.organisations import ANA, CLAIMS, EXPERTS, FRAUD, MOTOR, insurance, organisations

T = EntityType


@pytest.fixture
def load(write):
    def run(model=None, **options):
        return write(lambda tx: organisation.load(tx, insurance() if model is None else model, **options))

    return run


@pytest.fixture
def find(database):
    return lambda reference: database.read(lambda tx: organisation.find(tx, reference)).result(10)


@pytest.fixture
def offer(write):
    """Offer a new item to somebody."""
    return lambda *to: write(lambda tx: scheduling.create_item(tx, NewWorkItem(name="x"), (), to))


def without(model: OrganisationModel, *names: EntityName) -> OrganisationModel:
    return replace(
        model,
        entities=tuple(one for one in model.entities if one.key not in names),
        links=frozenset(link for link in model.links if not set(link) & set(names)),
    )


def test_what_was_loaded_is_there_and_loading_it_again_changes_nothing(load, write, everything):
    assert load()
    assert not difference(write(organisation.export), insurance())
    before = everything()
    assert not load()
    assert everything() == before


def test_a_dry_run_says_the_same_and_writes_nothing(load, everything, database):
    before = everything()
    would = database.read(lambda tx: organisation.load(tx, insurance(), is_dry_run=True)).result(10)
    assert everything() == before
    assert would == load()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    schema.prepare(sa.URL.create("sqlite", database=str(path)))
    return path


@contextlib.contextmanager
def _fresh(empty):
    path = shutil.copy(empty, empty.with_name("work.db"))
    database = InTenancy(open_database(sa.URL.create("sqlite", database=str(path))), DEFAULT_TENANCY)
    try:
        yield database
    finally:
        database.close()
        for left in empty.parent.glob("work.db*"):
            left.unlink()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(first=organisations(), second=organisations())
def test_any_organisation_follows_on_any_other_and_everybody_stands_where_it_says(empty, first, second):
    with _fresh(empty) as database:
        database.write(lambda tx: organisation.load(tx, first)).result(10)
        ids = database.read(lambda tx: stored_organisation.read(tx)[1]).result(10)
        database.write(lambda tx: organisation.load(tx, second)).result(10)
        found, new_ids = database.read(stored_organisation.read).result(10)

        assert not difference(found, second)
        guids = {one.guid: ids[one.key] for one in first.entities}
        for one in second.entities:
            assert guids.get(one.guid, new_ids[one.key]) == new_ids[one.key]
            _compare_standing(database, second, new_ids, one)


def _compare_standing(database, model, ids, one) -> None:
    """The query and the plain walk through the model are of one mind."""
    entity = stored_organisation.entity_of(ids, one.key)
    granted = database.read(lambda tx: standing.of(tx, entity)).result(10)
    around = {one.key, *above(model, one.key)}
    assert granted.entities == {ids[name] for name in around}
    scopes = {action: {None} for action in ALLOWED_TO_ALL - model.denied}
    for grant in model.grants:
        if EntityName(T.PRIVILEGE, grant.privilege) in around:
            scope = None if grant.scope is None else ids[EntityName(T.ORGANIZATIONAL_UNIT, grant.scope)]
            scopes.setdefault(grant.action, set()).add(scope)
    assert granted.scopes == scopes


def test_an_items_offer_set_survives_a_reload_under_other_names(load, offer, find, write):
    load()
    item = offer("Fraud experts", "Motor")
    renamed = replace(
        insurance(),
        entities=tuple(replace(one, name="Detectives") if one.key == FRAUD else one for one in insurance().entities),
        links=frozenset(
            Link(*(EntityName(T.GROUP, "Detectives") if name == FRAUD else name for name in link))
            for link in insurance().links
        ),
    )
    load(renamed)
    assert [one.name for one in write(lambda tx: work_items.offer_set(tx, item))] == ["Detectives", "Motor"]


def test_an_entity_that_an_item_names_is_retired_and_others_are_forgotten(load, offer, find, write):
    load()
    item = offer("Fraud experts")
    result = load(without(insurance(), FRAUD, EXPERTS))

    assert [one.name for one in result.retired] == ["Fraud experts"]
    assert [one.name for one in write(lambda tx: work_items.offer_set(tx, item))] == ["Fraud experts"]
    for gone in ("Fraud experts", "Experts"):
        with pytest.raises(UnknownEntity):
            find(gone)
        with pytest.raises(UnknownEntity):
            offer(f"GUID-of-{gone}")


def test_what_was_retired_comes_back_with_its_items_by_its_guid_or_its_name(load, offer, write, cast):
    load()
    item = offer("Fraud experts")
    load(without(insurance(), FRAUD))
    nameless = replace(
        insurance(),
        entities=tuple(replace(one, guid=None) if one.key == FRAUD else one for one in insurance().entities),
    )
    assert load(nameless)

    (offered_to,) = write(lambda tx: work_items.offer_set(tx, item))
    assert offered_to.guid == "GUID-of-Fraud experts"
    assert offered_to.id in write(lambda tx: standing.of(tx, cast.ben)).entities


def test_a_person_who_can_sign_in_is_never_removed_but_stands_nowhere(load, find, write, cast):
    load()
    result = load(without(insurance(), ANA))
    assert [one.name for one in result.kept] == ["ana"]
    assert find("ana") == cast.ana
    assert write(lambda tx: standing.of(tx, cast.ana)).entities == {cast.ana.id}
    assert not load(without(insurance(), ANA)), "who stays is no change"


def test_a_resource_without_an_account_gets_one_and_keeps_its_guid_and_limit(load, write, find):
    dora = ModelEntity(type=T.RESOURCE, name="dora", guid="D", max_open_items=2)
    load(replace(insurance(), entities=(*insurance().entities, dora)))
    assert write(lambda tx: stored_people.find_account(tx, "dora")) is None

    added = write(lambda tx: people.add_person(tx, name="dora", guid=None, password_hash="h"))

    assert (added.guid, added.max_open_items) == ("D", 2)
    assert write(lambda tx: stored_people.find_account(tx, "dora")) == (added, "h")
    with pytest.raises(NameTaken):
        write(lambda tx: people.add_person(tx, name="dora", guid=None, password_hash="h"))


def test_people_may_change_their_names_and_sign_in_by_the_new_ones(load, write, cast):
    swapped = {"ana": "ben", "ben": "ana"}
    renamed = OrganisationModel(
        entities=tuple(
            ModelEntity(type=T.RESOURCE, name=swapped[name], guid=f"GUID-of-{name}") for name in ("ana", "ben")
        )
    )
    assert len(load(renamed).difference.changed) == 2
    assert write(lambda tx: stored_people.find_account(tx, "ben"))[0] == cast.ana
    assert write(lambda tx: stored_people.find_account(tx, "ana"))[0] == cast.ben


@pytest.mark.parametrize(
    "entity",
    [
        ModelEntity(type=T.GROUP, name="x", guid="guid-of-ANA"),
        ModelEntity(type=T.RESOURCE, name="ana", guid="another"),
    ],
)
def test_a_guid_of_another_kind_and_a_name_of_who_stays_are_refused_and_nothing_is_changed(load, everything, entity):
    before = everything()
    with pytest.raises(NameTaken):
        load(OrganisationModel(entities=(entity,)))
    assert everything() == before


def test_an_organisation_that_cannot_be_is_refused_and_nothing_is_changed(load, everything):
    before = everything()
    with pytest.raises(UnknownReference):
        load(replace(insurance(), entities=insurance().entities[1:]))
    assert everything() == before


def test_a_persons_own_grants_stay_but_for_those_below_a_unit_that_goes(load, write):
    load()
    for scope in (None, "Claims", "Legal"):
        assert write(lambda tx, scope=scope: people.grant(tx, "ana", SystemAction.SKIP_WORK_ITEM, scope))
    without_legal = without(insurance(), EntityName(T.ORGANIZATIONAL_UNIT, "Legal"))
    load(without_legal)
    assert write(lambda tx: people.grants_of(tx, "ana")) == [
        (SystemAction.SKIP_WORK_ITEM, None),
        (SystemAction.SKIP_WORK_ITEM, "Claims"),
    ]


def test_grants_are_taken_back_one_by_one_or_all_at_once(load, write):
    load()
    action = SystemAction.SKIP_WORK_ITEM
    for scope in (None, "Claims", "GUID-of-Legal"):
        assert write(lambda tx, scope=scope: people.grant(tx, "ana", action, scope)) is True
        assert write(lambda tx, scope=scope: people.grant(tx, "ana", action, scope)) is False
    assert write(lambda tx: people.revoke(tx, "ana", action, "Legal")) is True
    assert write(lambda tx: people.revoke(tx, "ana", action, "Legal")) is False
    assert write(lambda tx: people.grants_of(tx, "ana")) == [(action, None), (action, "Claims")]
    assert write(lambda tx: people.revoke(tx, "ana", action)) is True
    assert write(lambda tx: people.grants_of(tx, "ana")) == []


@pytest.mark.parametrize("scope", ["Experts", "nowhere", "ana"])
def test_a_scope_is_a_unit(load, write, scope):
    load()
    with pytest.raises(UnknownEntity):
        write(lambda tx: people.grant(tx, "ana", SystemAction.SKIP_WORK_ITEM, scope))


def test_an_entity_is_found_by_guid_then_as_a_resource_then_by_the_only_name(load, find):
    model = insurance()
    more = (
        ModelEntity(type=T.GROUP, name="ana"),
        ModelEntity(type=T.GROUP, name="Claims"),
        ModelEntity(type=T.GROUP, name="GUID-of-Legal"),
    )
    load(replace(model, entities=(*model.entities, *more)))
    assert find("ana").type is T.RESOURCE
    assert find("Motor").type is T.ORGANIZATIONAL_UNIT
    assert find("guid-of-legal").name == "Legal"
    with pytest.raises(InvalidRequest, match="several"):
        find("Claims")


def test_what_somebody_may_is_shown_with_where_it_comes_from(load, write):
    load(insurance((SystemAction.VIEW_WORK_LIST, "Claims"), denied=frozenset({SystemAction.PEND_WORK_ITEM})))
    write(lambda tx: people.grant(tx, "ana", SystemAction.SKIP_WORK_ITEM))
    place = write(lambda tx: organisation.show(tx, "ana"))
    assert dict(place.above)[MOTOR] == EntityName(T.POSITION, "Adjuster")
    assert dict(place.above)[CLAIMS] == MOTOR
    said = [(one.action, one.scope, one.privilege and one.privilege.name, one.is_own) for one in place.grants]
    assert said == [
        (SystemAction.SKIP_WORK_ITEM, None, None, True),
        (SystemAction.VIEW_WORK_LIST, "Claims", "Clerk", False),
        (SystemAction.AUTO_OPEN_NEXT_WORK_ITEM, None, None, False),
        (SystemAction.CHANGE_ALLOCATED_WORK_ITEM_PRIORITY, None, None, False),
    ]
