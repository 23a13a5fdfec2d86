"""The contract's faults, and the one table that says which error becomes which."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree
from spyne.model.fault import Fault

from soapsvc.domain import errors
from soapsvc.soap import namespaces
from soapsvc.soap.namespaces import qualified

FAULT_ACTOR = "PROVIDER"

_log = logging.getLogger(__name__)


def _declared(name: str, namespace: str = namespaces.FAULTS) -> Any:
    """Declare a fault to Spyne; `element` is that of its detail, for Spyne moves all faults to its own namespace."""
    return type(name, (Fault,), {"__type_name__": name, "element": qualified(namespace, name)})


InvalidVersionFault = _declared("InvalidVersionFault")
InvalidWorkItemFault = _declared("InvalidWorkItemFault")
WorkItemFault = _declared("WorkItemFault")
WorkItemRescheduledFault = _declared("WorkItemRescheduledFault")
InvalidEntityFault = _declared("InvalidEntityFault")
OpenWorkItemLimitFault = _declared("OpenWorkItemLimitFault")
InternalServiceFault = _declared("InternalServiceFault")
SecurityFault = _declared("SecurityFault", namespaces.SECURITY_FAULT)
InvalidRequestFault = _declared("InvalidRequestFault", namespaces.SERVICE)

CLIENT, SERVER = "Client", "Server"

FAULTS: Mapping[type[errors.WorkItemServiceError], tuple[str, Any]] = {
    errors.InvalidRequest: (CLIENT, InvalidRequestFault),
    errors.NotAuthenticated: (CLIENT, SecurityFault),
    errors.NotAllowed: (CLIENT, SecurityFault),
    errors.UnknownWorkItem: (CLIENT, InvalidWorkItemFault),
    errors.WrongState: (CLIENT, InvalidWorkItemFault),
    errors.StaleVersion: (CLIENT, InvalidVersionFault),
    errors.InvalidField: (CLIENT, WorkItemFault),
    errors.InvalidSchedule: (CLIENT, WorkItemFault),
    errors.InvalidWorkItem: (CLIENT, WorkItemFault),
    errors.UnknownEntity: (CLIENT, InvalidEntityFault),
    errors.EntityNotEligible: (CLIENT, InvalidEntityFault),
    errors.NameTaken: (CLIENT, InvalidEntityFault),
    errors.OpenLimitReached: (CLIENT, OpenWorkItemLimitFault),
    errors.StorageUnavailable: (SERVER, InternalServiceFault),
}
"""Who is to mend it, and the fault that says so, for every error that a caller can meet."""


class MustUnderstand(Exception):
    """A header block demands what this service does not do (SOAP 1.1, section 4.2.3)."""


class VersionMismatch(Exception):
    """The envelope is of another SOAP than 1.1 (SOAP 1.1, section 4.4.1)."""


@dataclass(frozen=True, slots=True)
class SoapFault:
    """What a fault says: its code, its text, and the one element of its detail, if it has one."""

    code: str
    text: str
    element: str | None = None
    error_code: str = ""
    parameters: tuple[str, ...] = ()


_INTERNAL = SoapFault(
    SERVER,
    "The service failed; nothing was changed",
    InternalServiceFault.element,
    "BRM_INTERNAL",
)


def fault_for(error: Exception) -> SoapFault:
    """Give the fault that an error becomes. What nobody foresaw is logged, and its text is never sent."""
    if isinstance(error, errors.WorkItemServiceError):
        code, fault = FAULTS[type(error)]
        if code == SERVER:
            _log.error("%s", error, exc_info=error.__cause__)
            return replace(_INTERNAL, error_code=error.code)
        return SoapFault(code, str(error), fault.element, error.code, error.parameters)
    if isinstance(error, MustUnderstand):
        return SoapFault("MustUnderstand", f"The header block {error} is not understood")
    if isinstance(error, VersionMismatch):
        return SoapFault("VersionMismatch", "The envelope is not one of SOAP 1.1")
    _log.error("an operation failed", exc_info=error)
    return _INTERNAL


def write_fault(fault: SoapFault) -> bytes:
    """Write a whole SOAP 1.1 message: the typed element stands in the detail, as WS-I's profile demands."""
    envelope = etree.Element(qualified(namespaces.SOAP_ENVELOPE, "Envelope"), nsmap={"soap": namespaces.SOAP_ENVELOPE})
    body = etree.SubElement(envelope, qualified(namespaces.SOAP_ENVELOPE, "Body"))
    element = etree.SubElement(body, qualified(namespaces.SOAP_ENVELOPE, "Fault"))
    etree.SubElement(element, "faultcode").text = f"soap:{fault.code}"
    etree.SubElement(element, "faultstring").text = fault.text
    etree.SubElement(element, "faultactor").text = FAULT_ACTOR
    if fault.element is not None:
        detail = etree.SubElement(element, "detail")
        typed = etree.SubElement(detail, fault.element, nsmap={"ex": etree.QName(fault.element).namespace or ""})
        error = etree.SubElement(typed, "error", {"code": fault.error_code, "message": fault.text})
        for parameter in fault.parameters:
            etree.SubElement(error, "parameter").text = parameter
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
