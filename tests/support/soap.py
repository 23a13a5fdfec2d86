"""SOAP messages as raw bytes, and what comes back as elements: the judge where zeep is too lenient."""

from pathlib import Path

from lxml import etree

from soapsvc.soap import namespaces

SOAP = namespaces.SOAP_ENVELOPE
SOAP12 = namespaces.SOAP12_ENVELOPE
WSDL_FOLDER = Path(__file__).parents[2] / "wsdl"
SCHEMA = etree.XMLSchema(etree.parse(WSDL_FOLDER / "contract.xsd"))
NAMESPACES = {"soap": SOAP, "api": namespaces.API, "ex": namespaces.FAULTS}

_OPERATIONS = {
    "WorkItemManagementService": (
        "getWorkItemHeader",
        "openWorkItem",
        "closeWorkItem",
        "allocateWorkItem",
        "allocateAndOpenWorkItem",
        "allocateAndOpenNextWorkItem",
        "unallocateWorkItem",
        "completeWorkItem",
        "skipWorkItem",
        "reallocateWorkItem",
        "reallocateWorkItemData",
        "getOfferSet",
        "saveOpenWorkItem",
        "pendWorkItem",
        "setWorkItemPriority",
    ),
    "WorkListService": (
        "getWorkListItems",
        "getAllocatedWorkListItems",
        "previewWorkItemFromList",
        "getWorkItemOrderFilter",
        "getResourceOrderFilterCriteria",
        "setResourceOrderFilterCriteria",
        "createWorkListView",
        "editWorkListView",
        "deleteWorkListView",
        "getWorkListViewDetails",
        "unlockWorkListView",
        "getEditableWorkListViews",
        "getPublicWorkListViews",
        "getViewsForResource",
        "addCurrentResourceToView",
        "deleteCurrentResourceFromView",
        "getWorkListItemsForView",
    ),
    "WorkItemSchedulerService": (
        "scheduleWorkItem",
        "scheduleWorkItemWithWorkModel",
        "enableWorkItem",
        "rescheduleWorkItem",
        "cancelWorkItem",
        "suspendWorkItem",
        "resumeWorkItem",
    ),
    "EntityResolverService": ("lookupUser",),
    "WorkItemHistoryService": ("getWorkItemHistory",),
    "AuditService": ("getAuditEntries",),
    "WorkListChangeService": ("awaitWorkListChange",),
}
SERVICE_OF = {operation: service for service, operations in _OPERATIONS.items() for operation in operations}

# Of all operations but these the request's root is named like the operation, in the namespace of the API.
ROOT_NAME = {"scheduleWorkItemWithWorkModel": "scheduleWorkItemWithModel"}
ROOT_NAMESPACE = {
    "lookupUser": "http://resolver.api.de.n2.tibco.com",
    "getWorkItemHistory": "urn:soapsvc:v1",
    "getAuditEntries": "urn:soapsvc:v1",
    "awaitWorkListChange": "urn:soapsvc:v1",
}
ANSWER_NAME = {"getAllocatedWorkListItems": "getWorkListItemsResponse"}


def root_of(operation: str) -> str:
    """Give the qualified name of an operation's request element, in lxml's form."""
    return f"{{{ROOT_NAMESPACE.get(operation, namespaces.API)}}}{ROOT_NAME.get(operation, operation)}"


def answer_of(operation: str) -> str:
    """Give the qualified name of the element that answers an operation, in lxml's form."""
    root = etree.QName(root_of(operation))
    return f"{{{root.namespace}}}{ANSWER_NAME.get(operation, f'{root.localname}Response')}"


def envelope(body: str, header: str = "", *, soap: str = SOAP) -> bytes:
    """Wrap the XML of a body, in which the prefix `api` is bound, in a SOAP envelope, of 1.1 if no other is named."""
    head = f"<soap:Header>{header}</soap:Header>" if header else ""
    return (
        f'<soap:Envelope xmlns:soap="{soap}" xmlns:api="{namespaces.API}">{head}<soap:Body>{body}</soap:Body>'
        f"</soap:Envelope>"
    ).encode()


def request(operation: str, content: str, **attributes: str) -> str:
    """Give the body of a request; an underscore stands for a hyphen in the name of an attribute."""
    root = etree.QName(root_of(operation))
    prefix, binding = "api", ""
    if root.namespace != namespaces.API:
        prefix, binding = "own", f' xmlns:own="{root.namespace}"'
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f"<{prefix}:{root.localname}{binding}{given}>{content}</{prefix}:{root.localname}>"


def username_token(name: str, password: str, *, kind: str = namespaces.PASSWORD_TEXT) -> str:
    """Give the WS-Security header block that signs somebody in."""
    return (
        f'<wsse:Security xmlns:wsse="{namespaces.WS_SECURITY}" soap:mustUnderstand="1"><wsse:UsernameToken>'
        f'<wsse:Username>{name}</wsse:Username><wsse:Password Type="{kind}">{password}</wsse:Password>'
        f"</wsse:UsernameToken></wsse:Security>"
    )


def content_of(answer: bytes) -> etree._Element:
    """Give the one element of an answer's body, once it has been validated against the contract."""
    root = etree.fromstring(answer)
    assert root.tag == f"{{{SOAP}}}Envelope"
    *_, body = root
    assert [part.tag for part in root] in ([f"{{{SOAP}}}Body"], [f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"])
    (content,) = body
    if content.tag == f"{{{SOAP}}}Fault":
        _check_fault(content)
    else:
        SCHEMA.assertValid(content)
    return content


def _check_fault(fault: etree._Element) -> None:
    """Check what the SOAP 1.1 schema and WS-I's basic profile say of a fault."""
    names = [child.tag for child in fault]
    assert names in (
        ["faultcode", "faultstring", "faultactor"],
        ["faultcode", "faultstring", "faultactor", "detail"],
    ), names
    prefix, code = (fault.findtext("faultcode") or "").split(":")
    assert fault.nsmap[prefix] == SOAP
    assert code in {"Client", "Server", "MustUnderstand", "VersionMismatch"}
    for entry in fault.find("detail") if fault.find("detail") is not None else ():
        SCHEMA.assertValid(entry)


class Fault:
    """A fault as a caller sees it."""

    def __init__(self, answer: bytes) -> None:
        element = content_of(answer)
        assert element.tag == f"{{{SOAP}}}Fault", etree.tostring(element)
        self.code = (element.findtext("faultcode") or "").partition(":")[2]
        self.text = element.findtext("faultstring") or ""
        self.actor = element.findtext("faultactor")
        detail = element.find("detail")
        typed = detail[0] if detail is not None and len(detail) else None
        self.name = etree.QName(typed).localname if typed is not None else None
        self.namespace = etree.QName(typed).namespace if typed is not None else None
        error = typed[0] if typed is not None and len(typed) else None
        self.error_code = error.get("code") if error is not None else None
        self.parameters = [parameter.text or "" for parameter in error] if error is not None else []
