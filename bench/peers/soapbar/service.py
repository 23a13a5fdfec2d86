"""A work-item service on soapbar and sqlite3; DATABASE names the SQLite file."""

# mypy: ignore-errors
# It runs in an environment of its own, with packages that ship no types.

import os
import sqlite3
import threading
from typing import Any

from soapbar import (
    OperationParameter,
    SoapApplication,
    SoapFault,
    SoapService,
    WsgiSoapApp,
    soap_operation,
)
from soapbar.core.types import ComplexXsdType, xsd

NAMESPACE = "http://api.brm.n2.tibco.com"

_UPDATE = "UPDATE work_item SET version = version + 1, state = ? WHERE id = ? AND version = ? AND state = ?"
_SELECT = "SELECT version, state, name FROM work_item WHERE id = ?"


class _Connections(threading.local):
    """One connection for each thread, which remembers its prepared statements."""

    def __init__(self) -> None:
        # Without transactions that Python begins: each statement is one of its own, and is on disk when it is done.
        self.held = sqlite3.connect(os.environ["DATABASE"], timeout=30, isolation_level=None)
        self.held.execute("PRAGMA synchronous = FULL")


_connections = _Connections()


class Attributed(ComplexXsdType):
    """A type with attributes, which soapbar's own have not; in no namespace."""

    def __init__(self, name: str, attributes: tuple[str, ...], fields: list[tuple[str, Any]]) -> None:
        super().__init__(name, fields)
        self._attributes = attributes

    def to_element(self, tag: str, value: dict[str, Any], ns: str = "", soap_encoding: str | None = None) -> Any:  # noqa: ARG002
        element = super().to_element(tag, value, "", soap_encoding)
        for name in self._attributes:
            element.set(name, str(value[name]))
        return element

    def from_element(self, elem: Any) -> dict[str, Any]:
        return {**super().from_element(elem), **elem.attrib}


_ID = Attributed("ManagedObjectID", ("id", "version"), [])
_ITEM = Attributed("WorkItem", (), [("id", _ID)])
_HEADER = Attributed("WorkItemHeader", ("id", "version", "state"), [("name", xsd.resolve("string"))])


def _move(item: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    version = int(item["version"])
    if _connections.held.execute(_UPDATE, (after, int(item["id"]), version, before)).rowcount == 0:
        raise SoapFault("Client", "not that version, or not that state")
    return {"id": item["id"], "version": version + 1}


def _operation(name: str, outcome: str, type_: Any, *more: OperationParameter) -> Any:
    return soap_operation(
        name=name,
        soap_action=name,
        input_params=[OperationParameter("workItemID", _ID), *more],
        output_params=[OperationParameter(outcome, type_)],
    )


class WorkItemManagementService(SoapService):
    __service_name__ = "WorkItemManagementService"
    __tns__ = NAMESPACE

    @_operation("allocateAndOpenWorkItem", "workItem", _ITEM, OperationParameter("resource", xsd.resolve("string")))
    def allocate_and_open(self, workItemID: dict[str, Any], resource: str) -> dict[str, Any]:  # noqa: ARG002, N803
        return {"workItem": {"id": _move(workItemID, "OFFERED", "OPENED")}}

    @_operation("closeWorkItem", "workItemID", _ID)
    def close(self, workItemID: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        return {"workItemID": _move(workItemID, "OPENED", "OFFERED")}

    @_operation("getWorkItemHeader", "workItemHeader", _HEADER)
    def header(self, workItemID: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        row = _connections.held.execute(_SELECT, (int(workItemID["id"]),)).fetchone()
        if row is None:
            raise SoapFault("Client", "no such work item")
        version, state, name = row
        if "version" in workItemID and int(workItemID["version"]) != version:
            raise SoapFault("Client", "not that version")
        return {"workItemHeader": {"id": workItemID["id"], "version": version, "state": state, "name": name}}


_service = WorkItemManagementService()
for _method in _service.get_operations().values():
    _method.__soap_operation__.output_namespace = NAMESPACE
_soap = SoapApplication(service_url="http://127.0.0.1/amxbpm/WorkItemManagementService")
_soap.register(_service)
application = WsgiSoapApp(_soap)
