"""Who a request says it comes from: a WS-Security UsernameToken in its header, or HTTP Basic."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import etree

from soapsvc.domain.errors import InvalidRequest, NotAuthenticated
from soapsvc.soap import namespaces
from soapsvc.soap.envelope import is_demanded
from soapsvc.soap.faults import MustUnderstand
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.versions import SoapVersion

_SECURITY = qualified(namespaces.WS_SECURITY, "Security")
_TOKEN = qualified(namespaces.WS_SECURITY, "UsernameToken")
_USERNAME = qualified(namespaces.WS_SECURITY, "Username")
_PASSWORD = qualified(namespaces.WS_SECURITY, "Password")
_TIMESTAMP = qualified(namespaces.WS_SECURITY_UTILITY, "Timestamp")
_REQUEST_ID = qualified(namespaces.SERVICE, "RequestID")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password as they came."""

    name: str
    password: str = field(repr=False)


def credentials_of(headers: Sequence[etree._Element], soap: SoapVersion, authorization: str) -> Credentials | None:
    """Give the credentials of a request, a UsernameToken before HTTP Basic; None if it has neither.

    Raises NotAuthenticated for a token or a header that cannot be read, MustUnderstand for a demand we cannot meet.
    """
    tokens = [token for block in headers if block.tag == _SECURITY for token in _tokens(block, soap)]
    if len(tokens) > 1:
        raise NotAuthenticated("More than one UsernameToken was sent")
    if tokens:
        return _of_token(tokens[0])
    return _of_basic(authorization) if authorization else None


def has_token(headers: Sequence[etree._Element]) -> bool:
    """Say whether a request tried to sign in by its SOAP header, and so is refused by a fault and not by a 401."""
    return any(block.tag == _SECURITY and block.find(_TOKEN) is not None for block in headers)


def request_id_of(headers: Sequence[etree._Element]) -> str | None:
    """Give the id that a caller gave his request, to be able to repeat it. Raises InvalidRequest for what is none."""
    blocks = [block for block in headers if block.tag == _REQUEST_ID]
    if len(blocks) > 1:
        raise InvalidRequest("A request has one RequestID")
    if any(len(block) for block in blocks):
        raise InvalidRequest("A RequestID holds text only")
    return (blocks[0].text or "").strip() if blocks else None


def _tokens(security: etree._Element, soap: SoapVersion) -> list[etree._Element]:
    others = [part for part in security if part.tag not in {_TOKEN, _TIMESTAMP}]
    if others and is_demanded(security, soap):
        raise MustUnderstand(str(others[0].tag))
    return [part for part in security if part.tag == _TOKEN]


def _of_token(token: etree._Element) -> Credentials:
    parts = {part.tag: part for part in reversed(token)}
    name, password = parts.get(_USERNAME), parts.get(_PASSWORD)
    if name is None or password is None:
        raise NotAuthenticated("A UsernameToken holds a Username and a Password")
    if password.get("Type", namespaces.PASSWORD_TEXT).strip() != namespaces.PASSWORD_TEXT:
        raise NotAuthenticated("Of the UsernameToken's passwords only PasswordText is accepted here")
    return Credentials((name.text or "").strip(), password.text or "")


def _of_basic(authorization: str) -> Credentials:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise NotAuthenticated("Of the HTTP authentication schemes only Basic is accepted here")
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise NotAuthenticated("The Authorization header cannot be read")
    return Credentials(name, password)
