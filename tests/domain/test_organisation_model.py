"""Organisations as values: which can be, and what makes two of them differ."""

from dataclasses import replace

import pytest
from hypothesis import given

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import DuplicateEntity, MisplacedEntity, OrganisationCycle, UnknownReference
from soapsvc.domain.organisation import RELATIONS, EntityType, may_be_guid, may_be_named
from soapsvc.domain.organisation_model import (
    EntityName,
    Link,
    ModelEntity,
    OrganisationModel,
    PrivilegeGrant,
    above,
    difference,
)
from tests.support.organisations import (
    ADJUSTER,
    ANA,
    BEN,
    CLAIMS,
    CLERK,
    EXPERTS,
    FRAUD,
    FRENCH,
    INSURANCE,
    LEGAL,
    MOTOR,
    insurance,
    organisations,
)

T = EntityType


def with_links(*added: Link, without: tuple[Link, ...] = ()) -> OrganisationModel:
    model = insurance()
    return replace(model, links=(model.links | set(added)) - set(without))


def test_an_organisation_that_can_be_passes():
    insurance((SystemAction.VIEW_WORK_LIST, "Claims")).check()


@given(organisations())
def test_what_the_generator_makes_passes(model):
    model.check()


@pytest.mark.parametrize(
    "links",
    [
        (Link(FRAUD, EXPERTS), ()),
        (Link(EXPERTS, EXPERTS), ()),
        (Link(MOTOR, CLAIMS), (Link(INSURANCE, CLAIMS),)),
    ],
)
def test_nothing_contains_itself(links):
    added, without = links
    with pytest.raises(OrganisationCycle):
        with_links(added, without=without).check()


@pytest.mark.parametrize("above_kind", EntityType)
@pytest.mark.parametrize("below_kind", EntityType)
def test_only_the_kinds_of_the_table_stand_together(above_kind, below_kind):
    upper, lower = EntityName(above_kind, "upper"), EntityName(below_kind, "lower")
    model = OrganisationModel(
        entities=tuple(ModelEntity(type=name.type, name=name.name) for name in (upper, lower)),
        links=frozenset({Link(upper, lower)}),
    )
    if (above_kind, below_kind) in RELATIONS and above_kind not in {T.ORGANIZATIONAL_UNIT, T.POSITION}:
        model.check()
    else:
        with pytest.raises(MisplacedEntity):
            model.check()


@pytest.mark.parametrize("link", [Link(LEGAL, MOTOR), Link(LEGAL, ADJUSTER), Link(CLAIMS, FRAUD)])
def test_units_positions_and_groups_stand_in_one_place(link):
    with pytest.raises(MisplacedEntity, match="it is in"):
        with_links(link).check()


def test_a_unit_must_stand_somewhere_and_a_group_need_not():
    with_links(without=(Link(EXPERTS, FRAUD),)).check()
    with pytest.raises(MisplacedEntity, match="nothing contains it"):
        with_links(without=(Link(INSURANCE, LEGAL),)).check()


@pytest.mark.parametrize(
    ("change", "parameters"),
    [
        ({"links": frozenset({Link(EntityName(T.GROUP, "none"), ANA)})}, ("GROUP", "none")),
        ({"links": frozenset({Link(EntityName(T.GROUP, "Claims"), ANA)})}, ("GROUP", "Claims")),
        ({"grants": frozenset({PrivilegeGrant("none", SystemAction.SKIP_WORK_ITEM)})}, ("PRIVILEGE", "none")),
        (
            {"grants": frozenset({PrivilegeGrant("Clerk", SystemAction.SKIP_WORK_ITEM, "Experts")})},
            ("ORGANIZATIONAL_UNIT", "Experts"),
        ),
        ({"denied": frozenset({SystemAction.VIEW_WORK_LIST})}, ("default", "viewWorkList")),
    ],
)
def test_what_is_named_and_is_not_there_is_refused(change, parameters):
    with pytest.raises(UnknownReference) as refused:
        replace(insurance(), **change).check()
    assert refused.value.parameters == parameters


@pytest.mark.parametrize(
    "twice", [ModelEntity(type=T.GROUP, name="Experts"), ModelEntity(type=T.GROUP, name="new", guid="guid-OF-ana")]
)
def test_a_name_within_its_kind_and_a_guid_stand_once(twice):
    model = insurance()
    with pytest.raises(DuplicateEntity):
        replace(model, entities=(*model.entities, twice)).check()


def test_one_name_may_be_of_several_kinds():
    model = insurance()
    replace(model, entities=(*model.entities, ModelEntity(type=T.GROUP, name="Claims"))).check()


# GUIDs


def test_an_entity_keeps_the_guid_by_which_its_name_is_known_or_gets_a_new_one():
    model = OrganisationModel(entities=tuple(ModelEntity(type=T.GROUP, name=name) for name in ("old", "new")))
    found = model.with_guids({EntityName(T.GROUP, "old"): "known"}, lambda: "fresh")
    assert [one.guid for one in found.entities] == ["known", "fresh"]


def test_a_guid_that_another_entity_claims_is_not_kept_by_name():
    renamed = ModelEntity(type=T.GROUP, name="renamed", guid="KNOWN")
    model = OrganisationModel(entities=(ModelEntity(type=T.GROUP, name="old"), renamed))
    found = model.with_guids({EntityName(T.GROUP, "old"): "known"}, lambda: "fresh")
    assert [one.guid for one in found.entities] == ["fresh", "KNOWN"]


# Differences


@given(organisations())
def test_nothing_differs_from_itself(model):
    assert not difference(model, model)


@given(organisations(), organisations())
def test_a_difference_is_nothing_more_and_nothing_less(old, new):
    found = difference(old, new)

    def by_guid(model):
        guids = {one.key: one.guid for one in model.entities}
        links = {(guids[link.above], guids[link.below]) for link in model.links}
        grants = {
            (guids[T.PRIVILEGE, one.privilege], one.action, one.scope and guids[T.ORGANIZATIONAL_UNIT, one.scope])
            for one in model.grants
        }
        return {one.guid: one for one in model.entities}, links, grants

    (before, links, grants), (after, new_links, new_grants) = by_guid(old), by_guid(new)
    assert {one.guid for one in found.entities.added} == after.keys() - before.keys()
    assert {one.guid for one in found.entities.removed} == before.keys() - after.keys()
    assert set(found.changed) == {
        (before[guid], after[guid]) for guid in before.keys() & after.keys() if before[guid] != after[guid]
    }
    assert len(found.links.added) == len(new_links - links)
    assert len(found.links.removed) == len(links - new_links)
    assert len(found.grants.added) == len(new_grants - grants)
    assert len(found.grants.removed) == len(grants - new_grants)
    assert set(found.denied.added) == new.denied - old.denied
    assert bool(found) == (by_guid(old) != by_guid(new) or old.denied != new.denied)


def test_a_renamed_group_keeps_its_members_and_one_of_its_old_name_is_another():
    old = OrganisationModel(
        entities=(ModelEntity(type=T.GROUP, name="A", guid="1"), ModelEntity(type=T.RESOURCE, name="ana", guid="2")),
        links=frozenset({Link(EntityName(T.GROUP, "A"), ANA)}),
    )
    renamed = replace(
        old,
        entities=(replace(old.entities[0], name="B"), old.entities[1]),
        links=frozenset({Link(EntityName(T.GROUP, "B"), ANA)}),
    )
    other = replace(old, entities=(replace(old.entities[0], guid="3"), old.entities[1]))

    assert not difference(old, renamed).links
    assert len(difference(old, renamed).changed) == 1
    assert difference(old, other).links.added == difference(old, other).links.removed


# Who stands where


def test_what_somebody_is_in_and_holds_is_found_with_the_way_to_it():
    assert above(insurance(), ANA) == {
        ADJUSTER: ANA, MOTOR: ADJUSTER, CLERK: ADJUSTER, CLAIMS: MOTOR, INSURANCE: CLAIMS,
    }  # fmt: skip
    assert above(insurance(), BEN) == {FRAUD: BEN, FRENCH: BEN, EXPERTS: FRAUD}


@pytest.mark.parametrize("name", ["", " a", "a ", "a,b", "a\nb", "x" * 101])
def test_a_name_is_one_line_of_print_without_what_divides_lists(name):
    assert not may_be_named(T.GROUP, name)
    assert not may_be_guid(name)


@pytest.mark.parametrize("name", ["a:b", "a\\b"])
def test_only_who_signs_in_needs_a_name_without_a_colon_and_a_backslash(name):
    assert may_be_named(T.GROUP, name)
    assert not may_be_named(T.RESOURCE, name)


def test_a_guid_has_at_most_64_characters():
    assert not may_be_guid("x" * 65)
