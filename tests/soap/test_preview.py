"""previewWorkItemFromList end to end: which fields it shows, of which items, to whom."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from soapsvc.domain.work_item import WorkItem
from tests.conftest import Soap
from tests.support.requests import answered
from tests.support.soap import Fault

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
QUICK = hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _preview(soap: Soap, *items: WorkItem, more: str = "", user: str = "ana", guid: str = "GUID-of-ana") -> Any:
    content = f'<entityID model-version="-1" entity-type="RESOURCE" guid="{guid}"/>'
    content += "".join(f'<workItemID id="{item.id}"/>' for item in items)
    return answered(soap, "previewWorkItemFromList", content + more, user=user)


@pytest.mark.parametrize(
    ("required", "names"),
    [
        ("", ["Customer", "Notes", "Amount"]),
        ("<requiredField>Notes</requiredField>", ["Notes"]),
        ("<requiredField>Amount</requiredField><requiredField>Customer</requiredField>", ["Customer", "Amount"]),
        ("<requiredField/>", []),
        ("<requiredField></requiredField>", []),
        ("<requiredField>Missing</requiredField>", []),
        ("<requiredField/><requiredField>Notes</requiredField>", ["Notes"]),
        ("<requireWorkType>true</requireWorkType>", ["Customer", "Notes", "Amount"]),
    ],
)
def test_a_preview_shows_the_fields_that_were_asked_for(
    soap: Soap, offered: WorkItem, unchanged: Any, required: str, names: list[str]
) -> None:
    with unchanged(offered):
        (preview,) = _preview(soap, offered, more=required)
    assert dict(preview.attrib) == {"id": str(offered.id), "version": "0"}
    shown = [field.get("name") for field in preview]
    assert sorted(shown) == sorted(names)
    assert {field.tag for field in preview} <= {"FieldPreview"}


def test_previews_come_in_the_order_of_the_request_with_current_versions(
    soap: Soap, opened: WorkItem, new_item: NewItem
) -> None:
    other = new_item()
    root = _preview(soap, other, opened, guid="guid-of-ANA")
    assert [(int(one.get("id")), one.get("version")) for one in root] == [(other.id, "0"), (opened.id, "1")]


def test_the_loser_of_a_race_learns_the_new_version_from_his_own_list(soap: Soap, opened: WorkItem) -> None:
    (preview,) = _preview(soap, opened, user="ben", guid="GUID-of-ben")
    assert preview.get("version") == "1"


@pytest.mark.parametrize(
    ("guid", "user", "name"),
    [
        ("GUID-of-carl", "supervisor", "InvalidEntityFault"),
        ("nobody", "supervisor", "InvalidEntityFault"),
        ("GUID-of-ben", "ana", "SecurityFault"),
        ("nobody", "ana", "SecurityFault"),
    ],
)
def test_a_list_that_does_not_hold_the_item_or_is_not_the_callers_is_a_fault(
    soap: Soap, offered: WorkItem, guid: str, user: str, name: str
) -> None:
    content = f'<entityID entity-type="RESOURCE" guid="{guid}"/><workItemID id="{offered.id}"/>'
    fault = Fault(soap.ask("previewWorkItemFromList", content, user=user).body)
    assert (fault.code, fault.name) == ("Client", name)
