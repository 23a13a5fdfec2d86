"""The contract's faults, and the one table that says which error becomes which."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree
from spyne.model.fault import Fault

from soapsvc.domain import errors, version_errors
from soapsvc.soap import fragments, namespaces
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.versions import SOAP11, SOAP12, SoapVersion

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
NoMoreWorkItemsFault = _declared("NoMoreWorkItemsFault")
InvalidWorkViewFault = _declared("InvalidWorkViewFault")
WorkItemOrderFault = _declared("WorkItemOrderFault")
WorkItemFilterFault = _declared("WorkItemFilterFault")
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
    errors.UnknownWorkType: (CLIENT, WorkItemFault),
    errors.Rescheduled: (CLIENT, WorkItemRescheduledFault),
    errors.NoMoreWorkItems: (CLIENT, NoMoreWorkItemsFault),
    errors.UnknownWorkListView: (CLIENT, InvalidWorkViewFault),
    errors.ViewLocked: (CLIENT, InvalidWorkViewFault),
    errors.TooManyWaiting: (SERVER, InternalServiceFault),
    errors.InvalidOrder: (CLIENT, WorkItemOrderFault),
    errors.InvalidFilter: (CLIENT, WorkItemFilterFault),
    errors.ListTookTooLong: (CLIENT, WorkItemFilterFault),
    errors.NameTaken: (CLIENT, InvalidEntityFault),
    errors.UnknownTenancy: (CLIENT, InvalidEntityFault),
    errors.OrganisationCycle: (CLIENT, InvalidEntityFault),
    errors.UnknownReference: (CLIENT, InvalidEntityFault),
    errors.DuplicateEntity: (CLIENT, InvalidEntityFault),
    errors.MisplacedEntity: (CLIENT, InvalidEntityFault),
    errors.OpenLimitReached: (CLIENT, OpenWorkItemLimitFault),
    errors.InvalidCallback: (CLIENT, InvalidRequestFault),
    errors.UnknownDelivery: (CLIENT, InvalidWorkItemFault),
    errors.DeliveryPending: (CLIENT, InvalidWorkItemFault),
    version_errors.WorkItemExists: (CLIENT, InvalidWorkItemFault),
    version_errors.UnknownVersion: (CLIENT, InvalidWorkItemFault),
    version_errors.VersionExists: (CLIENT, InvalidWorkItemFault),
    version_errors.SessionInProgress: (CLIENT, InvalidWorkItemFault),
    version_errors.OperationConflict: (CLIENT, InvalidWorkItemFault),
    version_errors.OperationOvertaken: (CLIENT, InvalidWorkItemFault),
    version_errors.OperationGivenUp: (SERVER, InternalServiceFault),
    version_errors.UnknownTemplatePackage: (CLIENT, WorkItemFault),
    version_errors.InvalidTemplatePackage: (CLIENT, WorkItemFault),
    version_errors.AssemblyFailed: (CLIENT, WorkItemFault),
    version_errors.UnknownDocument: (CLIENT, InvalidWorkItemFault),
    version_errors.DocumentLimitReached: (CLIENT, InvalidWorkItemFault),
    version_errors.IdempotencyKeyReused: (CLIENT, InvalidRequestFault),
    version_errors.IdempotencyKeyInUse: (CLIENT, InvalidRequestFault),
    version_errors.InvalidAnswers: (CLIENT, WorkItemFault),
    errors.StorageUnavailable: (SERVER, InternalServiceFault),
    errors.OutcomeUnknown: (SERVER, InternalServiceFault),
}
"""Who is to mend it, and the fault that says so, for every error that a caller can meet."""


class MustUnderstand(Exception):
    """A header block, named by its tag, demands what this service does not do (SOAP 1.1, section 4.2.3)."""


class DataEncodingUnknown(Exception):
    """The body is written in an encoding, which a literal service knows nothing of (SOAP 1.2, section 5.4.6)."""


class VersionMismatch(Exception):
    """The envelope is of another SOAP than the message's media type says (SOAP 1.1, section 4.4.1)."""


@dataclass(frozen=True, slots=True)
class SoapFault:
    """What a fault says: its code, its text, and the one element of its detail, if it has one.

    `children`, XML as text, stand in that element behind its error; `not_understood` names the header block of a
    MustUnderstand.
    """

    code: str
    text: str
    element: str | None = None
    error_code: str = ""
    parameters: tuple[str, ...] = ()
    children: str = ""
    not_understood: str = ""


_INTERNAL = SoapFault(
    SERVER,
    "The service failed; nothing was changed",
    InternalServiceFault.element,
    "BRM_INTERNAL",
)
_UNKNOWN = "The service failed; it is not known whether the change was stored"


def fault_for(error: Exception) -> SoapFault:
    """Give the fault that an error becomes. What nobody foresaw is logged, and its text is never sent."""
    if isinstance(error, errors.WorkItemServiceError):
        code, fault = FAULTS[type(error)]
        if code == SERVER:
            if isinstance(error, errors.TooManyWaiting):  # it does what it shall, and nothing has failed
                _log.warning("refused: %s", error)
            else:
                _log.error("%s", error, exc_info=error.__cause__)
            text = _UNKNOWN if isinstance(error, errors.OutcomeUnknown) else _INTERNAL.text
            return replace(_INTERNAL, text=text, error_code=error.code)
        return SoapFault(code, str(error), fault.element, error.code, error.parameters)
    if isinstance(error, MustUnderstand):
        text = f"The header block {error} is not understood"
        return SoapFault("MustUnderstand", text, not_understood=str(error))
    if isinstance(error, DataEncodingUnknown):
        return SoapFault("DataEncodingUnknown", "The body must be literal XML, in no encoding")
    if isinstance(error, VersionMismatch):
        return SoapFault("VersionMismatch", "The envelope is of another SOAP than the message's media type says")
    _log.error("an operation failed", exc_info=error)
    return _INTERNAL


def write_fault(fault: SoapFault, soap: SoapVersion = SOAP11) -> bytes:
    """Write a whole message: the typed element stands in the detail, as WS-I's profile demands."""
    envelope = etree.Element(soap.name("Envelope"), nsmap={"soap": soap.namespace})
    _explain(envelope, fault, soap)
    body = etree.SubElement(envelope, soap.name("Body"))
    element = etree.SubElement(body, soap.name("Fault"))
    detail = (_describe_in_12 if soap is SOAP12 else _describe_in_11)(element, fault)
    if fault.element is not None:
        typed = etree.SubElement(detail, fault.element, nsmap={"ex": etree.QName(fault.element).namespace or ""})
        error = etree.SubElement(typed, "error", {"code": fault.error_code, "message": fault.text})
        for parameter in fault.parameters:
            etree.SubElement(error, "parameter").text = parameter
        if fault.children:
            typed.append(fragments.mark(fault.children))
    else:
        element.remove(detail)
    return fragments.to_bytes(envelope)


def _describe_in_11(element: etree._Element, fault: SoapFault) -> etree._Element:
    """Write code, text and actor (SOAP 1.1, section 4.4); give the element for the detail."""
    etree.SubElement(element, "faultcode").text = f"soap:{fault.code}"
    etree.SubElement(element, "faultstring").text = fault.text
    etree.SubElement(element, "faultactor").text = FAULT_ACTOR
    return etree.SubElement(element, "detail")


def _describe_in_12(element: etree._Element, fault: SoapFault) -> etree._Element:
    """Write code and reason (SOAP 1.2, section 5.4), which has no actor; give the element for the detail."""
    code = etree.SubElement(element, SOAP12.name("Code"))
    etree.SubElement(code, SOAP12.name("Value")).text = f"soap:{SOAP12.fault_codes[fault.code]}"
    if fault.element is not None:
        name = etree.QName(fault.element)
        subcode = etree.SubElement(code, SOAP12.name("Subcode"))
        value = etree.SubElement(subcode, SOAP12.name("Value"), nsmap={"ex": name.namespace or ""})
        value.text = f"ex:{name.localname}"
    reason = etree.SubElement(element, SOAP12.name("Reason"))
    text = etree.SubElement(reason, SOAP12.name("Text"))
    text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    text.text = fault.text
    return etree.SubElement(element, SOAP12.name("Detail"))


def _explain(envelope: etree._Element, fault: SoapFault, soap: SoapVersion) -> None:
    """Say in a header what SOAP 1.2 wants said there: which block, or which envelopes (sections 5.4.7 and 5.4.8).

    Which envelopes there are is told in SOAP 1.1 too (appendix A): who sent one of 1.2 there will understand it.
    """
    if fault.code == "MustUnderstand" and soap is SOAP12:
        header = etree.SubElement(envelope, soap.name("Header"))
        name = etree.QName(fault.not_understood)
        bindings = {"not": name.namespace} if name.namespace else {}
        block = etree.SubElement(header, soap.name("NotUnderstood"), nsmap=bindings)
        block.set("qname", f"not:{name.localname}" if name.namespace else name.localname)
    elif fault.code == "VersionMismatch":
        header = etree.SubElement(envelope, soap.name("Header"))
        upgrade = etree.SubElement(header, SOAP12.name("Upgrade"))
        for version in (SOAP12, SOAP11):
            supported = etree.SubElement(
                upgrade, SOAP12.name("SupportedEnvelope"), nsmap={"supported": version.namespace}
            )
            supported.set("qname", "supported:Envelope")
