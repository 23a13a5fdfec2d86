"""The requests of the races, byte for byte the same for every racer."""

import base64
from pathlib import Path

from bench.racers import PASSWORD, PERSON

PATH = "/amxbpm/WorkItemManagementService"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>'
    f'<wsse:Security xmlns:wsse="{_SECURITY}-wssecurity-secext-1.0.xsd"><wsse:UsernameToken>'
    f"<wsse:Username>{PERSON}</wsse:Username>"
    f'<wsse:Password Type="{_SECURITY}-username-token-profile-1.0#PasswordText">{PASSWORD}</wsse:Password>'
    "</wsse:UsernameToken></wsse:Security></soap:Header>"
    '<soap:Body><api:{operation} xmlns:api="http://api.brm.n2.tibco.com">{content}</api:{operation}></soap:Body>'
    "</soap:Envelope>"
)

# What changes an item takes its id and version, what reads one takes its id.
_MESSAGES = {
    "open": ("allocateAndOpenWorkItem", f'<workItemID id="%d" version="%d"/><resource>{PERSON}</resource>'),
    "close": ("closeWorkItem", '<workItemID id="%d" version="%d"/>'),
    "read": ("getWorkItemHeader", '<workItemID id="%d"/>'),
}


def basic(name: str, password: str) -> str:
    """Give the value of an Authorization header by HTTP Basic."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def head(operation: str, port: int) -> str:
    """Give the head of a request, with %d for the length of its body."""
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/xml; charset=utf-8\r\n"
        f'SOAPAction: "{operation}"\r\nContent-Length: %d\r\n\r\n'
    )


def requests(port: int) -> dict[str, tuple[str, str]]:
    """Give the head and the body of each request by what it does, with %d where the numbers go."""
    return {
        name: (head(operation, port), _ENVELOPE.format(operation=operation, content=content))
        for name, (operation, content) in _MESSAGES.items()
    }


def write(folder: Path, port: int) -> None:
    """Write the requests where the load generators find them."""
    for name, (head_text, body) in requests(port).items():
        (folder / f"{name}.head").write_bytes(head_text.encode())
        (folder / f"{name}.xml").write_bytes(body.encode())
