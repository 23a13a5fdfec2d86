"""Who a request says it comes from: a WS-Security UsernameToken in its header, or HTTP Basic."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import etree

from soapsvc.domain.errors import NotAuthenticated
from soapsvc.soap import namespaces
from soapsvc.soap.faults import MustUnderstand
from soapsvc.soap.namespaces import qualified

_SECURITY = qualified(namespaces.WS_SECURITY, "Security")
_TOKEN = qualified(namespaces.WS_SECURITY, "UsernameToken")
_USERNAME = qualified(namespaces.WS_SECURITY, "Username")
_PASSWORD = qualified(namespaces.WS_SECURITY, "Password")
_TIMESTAMP = qualified(namespaces.WS_SECURITY_UTILITY, "Timestamp")
_MUST_UNDERSTAND = qualified(namespaces.SOAP_ENVELOPE, "mustUnderstand")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password as they came."""

    name: str
    password: str = field(repr=False)


def credentials_of(headers: Sequence[etree._Element], authorization: str | None) -> Credentials | None:
    """Give the credentials of a request, a UsernameToken before HTTP Basic; None if it has neither.

    Raises NotAuthenticated for a token or a header that cannot be read, MustUnderstand for a demand we cannot meet.
    """
    tokens = [token for block in headers if block.tag == _SECURITY for token in _tokens(block)]
    if len(tokens) > 1:
        raise NotAuthenticated("More than one UsernameToken was sent")
    if tokens:
        return _of_token(tokens[0])
    return _of_basic(authorization) if authorization else None


def has_token(headers: Sequence[etree._Element]) -> bool:
    """Say whether a request tried to sign in by its SOAP header, and so is refused by a fault and not by a 401."""
    return any(block.tag == _SECURITY and block.find(_TOKEN) is not None for block in headers)


def _tokens(security: etree._Element) -> list[etree._Element]:
    others = [part for part in security if part.tag not in {_TOKEN, _TIMESTAMP}]
    if others and security.get(_MUST_UNDERSTAND, "0").strip() in {"1", "true"}:
        raise MustUnderstand(etree.QName(others[0]).text)
    return [part for part in security if part.tag == _TOKEN]


def _of_token(token: etree._Element) -> Credentials:
    name, password = token.find(_USERNAME), token.find(_PASSWORD)
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
