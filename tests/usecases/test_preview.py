"""Previews: an item as it stands in somebody's list, and those of its fields that were asked for."""

import pytest

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import EntityNotEligible, NotAllowed, StaleVersion, UnknownEntity
from soapsvc.domain.states import State
from soapsvc.usecases import lists
from soapsvc.usecases.items import ItemReference


@pytest.fixture
def preview(database, cast):
    """A preview is a read: it runs where nothing can be written."""

    def of(*references: ItemReference, by: str = "ana", entity: str | None = None, fields: tuple[str, ...] = ()):
        return database.read(
            lambda tx: lists.preview_items(tx, cast.caller(by), entity or f"GUID-of-{by}", references, fields)
        ).result(10)

    return of


def names(previews) -> list[str]:
    return [field.name for field in previews[0].fields]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((), ["Customer", "Notes", "Amount"]),
        (("Notes",), ["Notes"]),
        (("Amount", "Customer"), ["Customer", "Amount"]),
        (("Notes", "Notes"), ["Notes"]),
        (("Unknown",), []),
        (("Unknown", "Notes"), ["Notes"]),
        (("notes",), []),
        (("",), []),
        (("", "Notes"), ["Notes"]),
    ],
)
def test_the_fields_named_are_given_all_if_none_is_named_and_nothing_for_an_empty_name(preview, offered, asked, given):
    assert names(preview(ItemReference(id=offered.id), fields=asked)) == given


def test_a_preview_shows_the_item_at_its_version_with_its_values(preview, opened):
    (shown,) = preview(ItemReference(id=opened.id))

    assert shown.item == opened
    assert shown.fields == opened.fields
    assert shown.fields[0].values == ("Adler",)


@pytest.mark.parametrize("state", [state for state in State if state is not State.CANCELLED])
def test_an_item_stands_in_the_lists_of_its_offer_set_in_any_state(preview, put, cast, offered, state):
    put(offered.id, state, owner_id=cast.ana.id)

    for name in ("ana", "ben"):
        assert preview(ItemReference(id=offered.id), by=name)[0].item.state is state


def test_a_cancelled_item_stands_in_no_list(preview, put, cast, offered):
    put(offered.id, State.CANCELLED, owner_id=cast.ana.id)

    with pytest.raises(EntityNotEligible) as refused:
        preview(ItemReference(id=offered.id))
    assert refused.value.parameters == ("GUID-of-ana", str(offered.id))


def test_who_holds_an_item_has_it_in_his_list(preview, put, cast, offered):
    put(offered.id, State.ALLOCATED, owner_id=cast.carl.id)

    assert preview(ItemReference(id=offered.id), by="carl")


def test_the_loser_of_a_race_learns_the_new_version(preview, opened):
    with pytest.raises(StaleVersion):
        preview(ItemReference(id=opened.id, version=0), by="ben")

    assert preview(ItemReference(id=opened.id), by="ben")[0].item.version == 1


@pytest.mark.parametrize("entity", ["nobody", "GUID-of-carl"])
def test_the_version_is_checked_before_the_entity(preview, offered, entity):
    with pytest.raises(StaleVersion):
        preview(ItemReference(id=offered.id, version=9), by="supervisor", entity=entity)


def test_the_entity_is_named_by_guid_in_any_case(preview, offered):
    assert preview(ItemReference(id=offered.id), entity="guid-OF-ana")


def test_an_unknown_entity_is_named(preview, offered):
    with pytest.raises(UnknownEntity) as unknown:
        preview(ItemReference(id=offered.id), by="supervisor", entity="nobody")
    assert unknown.value.parameters == ("nobody",)


@pytest.mark.parametrize("entity", ["GUID-of-ben", "GUID-of-carl", "nobody"])
def test_somebody_elses_list_needs_a_grant_and_tells_nothing_without_one(preview, offered, entity):
    with pytest.raises(NotAllowed):
        preview(ItemReference(id=offered.id), entity=entity)


@pytest.mark.parametrize("action", [SystemAction.VIEW_WORK_LIST, SystemAction.VIEW_GLOBAL_WORK_LIST])
def test_a_grant_opens_somebody_elses_list(preview, cast, grant, offered, action):
    grant(cast.carl, action)

    assert preview(ItemReference(id=offered.id), by="carl", entity="GUID-of-ben")
    with pytest.raises(EntityNotEligible):  # but his own list has it not
        preview(ItemReference(id=offered.id), by="carl")


def test_all_items_must_stand_in_the_list(preview, offered, new_item, put):
    gone = new_item()
    put(gone.id, State.CANCELLED)

    with pytest.raises(EntityNotEligible) as refused:
        preview(ItemReference(id=offered.id), ItemReference(id=gone.id))
    assert refused.value.parameters[1] == str(gone.id)
