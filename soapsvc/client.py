"""A client for Python users, on zeep: typed exceptions instead of bare faults, and the loop around a conflict.

It needs the extra `soapsvc[client]` and imports nothing of the service.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import zeep
from lxml import etree
from zeep.exceptions import Fault
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

Result = TypeVar("Result")

REQUEST_ID = "{urn:soapsvc:v1}RequestID"
_SERVICES = {
    "management": "WorkItemManagementService",
    "lists": "WorkListService",
    "scheduler": "WorkItemSchedulerService",
    "resolver": "EntityResolverService",
    "history": "WorkItemHistoryService",
    "audit": "AuditService",
    "changes": "WorkListChangeService",
}


class ServiceFault(Exception):
    """A fault of the service: a stable `code`, a text for people, and `parameters` for programs."""

    def __init__(self, message: str, code: str, parameters: tuple[str, ...], detail: Any) -> None:
        super().__init__(message)
        self.code = code
        self.parameters = parameters
        self.detail = detail


class StaleVersion(ServiceFault):
    """InvalidVersionFault: somebody changed the item since. Says what it is now, so that no second call is needed."""

    @property
    def item_id(self) -> int:
        """The item's id."""
        return int(self.parameters[0])

    @property
    def stored(self) -> int:
        """The version that the item is at."""
        return int(self.parameters[1])

    @property
    def supplied(self) -> int:
        """The version that the request named."""
        return int(self.parameters[2])

    @property
    def state(self) -> str:
        """The state that the item is in."""
        return self.parameters[3]

    @property
    def owner(self) -> str | None:
        """The GUID of who holds the item, if anybody does."""
        return self.parameters[4] or None


class InvalidWorkItemFault(ServiceFault):
    """There is no such item, or its state does not allow the operation."""


class WorkItemFault(ServiceFault):
    """The item's data or its work type cannot be used."""


class WorkItemRescheduledFault(ServiceFault):
    """The scheduler changed the data since the item was opened; `detail` has them as `dataModel`."""

    @property
    def version(self) -> int:
        """The version to try again with."""
        return int(self.detail.managedObjectId.version)


class InvalidEntityFault(ServiceFault):
    """There is no such resource or entity, or it may not have the item."""


class OpenWorkItemLimitFault(ServiceFault):
    """The resource has as many items open as it may."""


class NoMoreWorkItemsFault(ServiceFault):
    """Nothing is left that the resource could take."""


class InvalidWorkViewFault(ServiceFault):
    """There is no such work list view."""


class _ExpressionFault(ServiceFault):
    @property
    def position(self) -> int:
        """Where in the expression the error is, counted in characters from 1."""
        return int(self.parameters[0])


class WorkItemOrderFault(_ExpressionFault):
    """The order of a work list cannot be used; the parameters say where, what stands there, and what is expected."""


class WorkItemFilterFault(_ExpressionFault):
    """The filter of a work list cannot be used; the parameters say where, what stands there, and what is expected."""


class InternalServiceFault(ServiceFault):
    """The service failed; nothing was changed, unless the code is BRM_INTERNAL_UNKNOWN: then nobody knows."""


class SecurityFault(ServiceFault):
    """Not authenticated, or not allowed."""


class InvalidRequestFault(ServiceFault):
    """The request itself is at fault."""


FAULTS: Mapping[str, type[ServiceFault]] = {
    "InvalidVersionFault": StaleVersion,
    **{
        kind.__name__: kind
        for kind in (
            InvalidWorkItemFault,
            WorkItemFault,
            WorkItemRescheduledFault,
            InvalidEntityFault,
            OpenWorkItemLimitFault,
            NoMoreWorkItemsFault,
            InvalidWorkViewFault,
            WorkItemOrderFault,
            WorkItemFilterFault,
            InternalServiceFault,
            SecurityFault,
            InvalidRequestFault,
        )
    },
}


class _Service:
    """A zeep service whose operations raise typed faults."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client.service, operation)

        def typed(*arguments: Any, **named: Any) -> Any:
            try:
                return call(*arguments, **named)
            except Fault as fault:
                raise _typed(self._client, fault) from fault

        return typed


def _typed(client: Any, fault: Fault) -> Exception:
    if fault.detail is None or not len(fault.detail):
        return fault
    element = fault.detail[0]
    kind = FAULTS.get(etree.QName(element).localname)
    if kind is None:
        return fault
    error = element.find("error")
    parameters = tuple(parameter.text or "" for parameter in error)
    return kind(fault.message, error.get("code"), parameters, client.wsdl.types.deserialize(element))


@dataclass
class OpenItem:
    """An item that is open: its version as far as this client knows, its fields' values, and what was set since."""

    client: "Client"
    id: int
    version: int
    session: str | None
    model: Any
    _changes: dict[str, list[str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[str]:
        """Give the values of a simple field, those that were set first."""
        if name in self._changes:
            return self._changes[name]
        return list(getattr(self._field(name).simpleSpec, "value", None) or [])

    def __setitem__(self, name: str, value: str | list[str]) -> None:
        """Set an output or inout, to be sent when the item is saved, closed or completed; no values empty it.

        Raises KeyError for a field that the item does not have, or an input.
        """
        if any(declared.name == name for declared in self.model.inputs or ()):
            raise KeyError(f"{name} is an input, and inputs are read-only")
        self._field(name)
        self._changes[name] = [value] if isinstance(value, str) else list(value)

    def save(self) -> None:
        """Keep what was set; the item stays open. Raises StaleVersion and the other faults of saveOpenWorkItem."""
        saved = self.client.management.saveOpenWorkItem(workItemID=self._identity(), workItemPayload=self.payload())
        self.version = saved.version

    def close(self, *, keep: bool = True) -> None:
        """Close the item, with what was set unless it shall not be kept. Raises the faults of closeWorkItem."""
        group: dict[str, Any] = {"workItemID": self._identity()}
        if keep and self._changes:
            group["workItemPayload"] = self.payload()
        (closed,) = self.client.management.closeWorkItem(_value_1=[group])
        self.version = closed.version

    def complete(self) -> None:
        """Complete the item with what was set. Raises the faults of completeWorkItem."""
        self.client.management.completeWorkItem(workItemID=self._identity(), workItemPayload=self.payload())
        self.version += 1

    def payload(self) -> dict[str, Any]:
        """Give what was set in the form of a WorkItemBody."""
        sent: dict[str, list[dict[str, Any]]] = {"outputs": [], "inouts": []}
        for direction, entries in sent.items():
            for declared in getattr(self.model, direction) or ():
                if declared.name in self._changes:
                    values = {"value": self._changes[declared.name]}
                    entries.append({"name": declared.name, "type": declared.type, "simpleSpec": values})
        return {"dataModel": sent}

    def _identity(self) -> dict[str, int]:
        return {"id": self.id, "version": self.version}

    def _field(self, name: str) -> Any:
        for direction in ("inputs", "outputs", "inouts"):
            for declared in getattr(self.model, direction) or ():
                if declared.name == name:
                    return declared
        raise KeyError(name)


class Client:
    """One person's access to a service: the six services with typed faults, and shorter ways to the common things.

    `management`, `lists`, `scheduler`, `resolver`, `history`, `audit`, `changes` have the contract's operations under
    their own names, called as zeep calls them.
    """

    management: _Service
    lists: _Service
    scheduler: _Service
    resolver: _Service
    history: _Service
    audit: _Service
    changes: _Service

    def __init__(self, address: str, user: str, password: str, *, transport: Transport | None = None) -> None:
        self._address = address.rstrip("/")
        self._token = UsernameToken(user, password)
        self._transport = transport or Transport()

    def __getattr__(self, name: str) -> _Service:
        """Load a service's WSDL when it is first used."""
        if name not in _SERVICES:
            raise AttributeError(name)
        wsdl = f"{self._address}/amxbpm/{_SERVICES[name]}?wsdl"
        service = _Service(zeep.Client(wsdl, wsse=self._token, transport=self._transport))
        self.__dict__[name] = service
        return service

    def version_of(self, item_id: int) -> int:
        """Read the version that an item is at."""
        (header,) = self.management.getWorkItemHeader(workItemID=[{"id": item_id}])
        version: int = header.version
        return version

    def take(self, item_id: int, resource: str, version: int | None = None) -> OpenItem:
        """Allocate an offered item and open it. Raises StaleVersion and the faults of allocateAndOpenWorkItem."""
        group = {"workItemID": _identity(item_id, version), "resource": resource}
        (item,) = self.management.allocateAndOpenWorkItem(_value_1=[group])
        return OpenItem(self, item.id.id, item.id.version, item.body.versionGuid, item.body.dataModel)

    def open(self, item_id: int, version: int | None = None) -> OpenItem:
        """Open an allocated or pended item. Raises StaleVersion and the other faults of openWorkItem."""
        (body,) = self.management.openWorkItem(workItemID=[_identity(item_id, version)])
        return OpenItem(self, body.id, body.version, body.versionGuid, body.dataModel)

    @contextmanager
    def opened(self, item_id: int, version: int | None = None) -> Iterator[OpenItem]:
        """Open an item for a block, and close it at the end with what was set; without it where the block fails."""
        item = self.open(item_id, version)
        try:
            yield item
        except BaseException:
            with suppress(ServiceFault):  # the block's error is the one to know about
                item.close(keep=False)
            raise
        item.close()


def _identity(item_id: int, version: int | None) -> dict[str, int]:
    return {"id": item_id} if version is None else {"id": item_id, "version": version}


def retry_on_conflict(act: Callable[[StaleVersion | None], Result], *, attempts: int = 3) -> Result:
    """Call `act`, and again while it meets a conflict, at most so often in all.

    It gets None at first, then the conflict that it met: what it needs to bring itself up to date.
    Raises StaleVersion if the last attempt met one too, and whatever else `act` raises.
    """
    conflict: StaleVersion | None = None
    for _ in range(attempts):
        try:
            return act(conflict)
        except StaleVersion as met:
            conflict = met
    raise conflict or ValueError("at least one attempt is needed")


def request_id(identifier: str) -> Any:
    """Make the header that lets a request be repeated: `client.management.closeWorkItem(…, _soapheaders=[it])`."""
    header = etree.Element(REQUEST_ID)
    header.text = identifier
    return header
