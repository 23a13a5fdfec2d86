"""Every operation has its place in the table of permissions, and every place is an operation's."""

import pytest
from lxml import etree

from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.soap import operations
from soapsvc.soap.interface import OPERATIONS
from soapsvc.soap.work_list_operations import WorkListService
from soapsvc.usecases.permissions import PERMISSIONS
from tests.support.soap import WSDL_FOLDER

WSDL = {"wsdl": "http://schemas.xmlsoap.org/wsdl/"}


def published() -> set[str]:
    return {
        str(name)
        for path in WSDL_FOLDER.glob("*.wsdl")
        for name in etree.parse(path).xpath("//wsdl:portType/wsdl:operation/@name", namespaces=WSDL)
    }


def test_the_operations_of_the_wsdls_and_of_the_table_are_the_same():
    assert len(published()) > 20
    assert set(PERMISSIONS) == published()
    assert set(PERMISSIONS) == {operation.name for operation in OPERATIONS.values()}


def test_an_operation_without_a_place_in_the_table_cannot_be_declared(monkeypatch):
    monkeypatch.setattr(operations, "PERMISSIONS", {})
    with pytest.raises(LookupError, match="getWorkListItems"):
        list(operations._operations_of(WorkListService))


NAME_NO_ITEM = {
    "allocateAndOpenNextWorkItem",
    "getWorkListItems",
    "getAllocatedWorkListItems",
    "getWorkListItemsForView",
    "awaitWorkListChange",
    "createWorkListView",
    "editWorkListView",
    "getResourceOrderFilterCriteria",
}


@pytest.mark.parametrize("name", sorted(PERMISSIONS))
def test_what_is_open_to_all_is_never_a_tie(name):
    permission = PERMISSIONS[name]
    assert not set(permission.ties) & ALLOWED_TO_ALL
    needed = {action for part in (permission.others, permission.offered) for one in part for action in one}
    # Else who may do it to others' items could not reach one; the next item is found, not named.
    assert needed <= set(permission.ties) or name in NAME_NO_ITEM


def test_every_system_action_is_needed_somewhere():
    needed = {
        action
        for permission in PERMISSIONS.values()
        for part in (permission.always, permission.own, permission.others, permission.offered, (permission.ties,))
        for one in part
        for action in one
    }
    assert needed == set(SystemAction)
