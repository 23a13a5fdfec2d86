"""What a request shows of who sends it: a WS-Security UsernameToken in its header, HTTP Basic, or a token."""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from soapsvc.authorization import shown_in
from soapsvc.domain.credentials import Credentials, Lifetime, PasswordDigest, Shown, SingleUse, VouchedName
from soapsvc.domain.errors import InvalidRequest, NotAuthenticated
from soapsvc.soap import namespaces
from soapsvc.soap.envelope import is_demanded
from soapsvc.soap.faults import MustUnderstand
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.versions import SoapVersion

__all__ = ["Credentials", "has_token", "lifetime_of", "request_id_of", "shown_by"]

_SECURITY = qualified(namespaces.WS_SECURITY, "Security")
_TOKEN = qualified(namespaces.WS_SECURITY, "UsernameToken")
_USERNAME = qualified(namespaces.WS_SECURITY, "Username")
_PASSWORD = qualified(namespaces.WS_SECURITY, "Password")
_NONCE = qualified(namespaces.WS_SECURITY, "Nonce")
_TIMESTAMP = qualified(namespaces.WS_SECURITY_UTILITY, "Timestamp")
_CREATED = qualified(namespaces.WS_SECURITY_UTILITY, "Created")
_EXPIRES = qualified(namespaces.WS_SECURITY_UTILITY, "Expires")
_REQUEST_ID = qualified(namespaces.SERVICE, "RequestID")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,20})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_LONGEST_NONCE = 1_024


def shown_by(
    headers: Sequence[etree._Element], soap: SoapVersion, authorization: str, vouched: str | None = None
) -> Shown | None:
    """Give what a request shows, a UsernameToken before HTTP's Authorization; None if it has neither.

    `vouched` is the name that a trusted proxy vouches for, which stands alone or not at all. Raises NotAuthenticated
    for what cannot be read or used, MustUnderstand for a demand we cannot meet.
    """
    tokens = [token for block in headers if block.tag == _SECURITY for token in _tokens(block, soap)]
    if len(tokens) > 1:
        raise NotAuthenticated("More than one UsernameToken was sent")
    if vouched is not None:
        if tokens or authorization:
            raise NotAuthenticated("A proxy vouches for the caller, and other credentials came beside it")
        return VouchedName(vouched)
    if tokens:
        return _of_token(tokens[0])
    return shown_in(authorization) if authorization else None


def has_token(headers: Sequence[etree._Element]) -> bool:
    """Say whether a request tried to sign in by its SOAP header, and so is refused by a fault and not by a 401."""
    return any(block.tag == _SECURITY and block.find(_TOKEN) is not None for block in headers)


def lifetime_of(headers: Sequence[etree._Element]) -> Lifetime | None:
    """Give what the Timestamp of a security header says, if there is one. Raises NotAuthenticated for what is none."""
    stamps = [part for block in headers if block.tag == _SECURITY for part in block if part.tag == _TIMESTAMP]
    if not stamps:
        return None
    if len(stamps) > 1:
        raise NotAuthenticated("More than one Timestamp was sent")
    created, expires = stamps[0].find(_CREATED), stamps[0].find(_EXPIRES)
    return Lifetime(
        None if created is None else _moment(created.text), None if expires is None else _moment(expires.text)
    )


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


def _of_token(token: etree._Element) -> Credentials | PasswordDigest:
    parts = {part.tag: part for part in reversed(token)}
    name, password = parts.get(_USERNAME), parts.get(_PASSWORD)
    if name is None or password is None:
        raise NotAuthenticated("A UsernameToken holds a Username and a Password")
    who, kind = (name.text or "").strip(), password.get("Type", namespaces.PASSWORD_TEXT).strip()
    single_use = _single_use(parts.get(_NONCE), parts.get(_CREATED))
    if kind == namespaces.PASSWORD_TEXT:
        return Credentials(who, password.text or "", single_use)
    if kind != namespaces.PASSWORD_DIGEST:
        raise NotAuthenticated(
            "Of the UsernameToken's passwords only PasswordText and PasswordDigest are accepted here"
        )
    if single_use is None or not single_use.nonce or single_use.created is None:
        raise NotAuthenticated("A PasswordDigest needs a Nonce and a Created")
    return PasswordDigest(who, _base64(password.text, "Password"), single_use)


def _single_use(nonce: etree._Element | None, created: etree._Element | None) -> SingleUse | None:
    """Read what makes a token one of single use (UsernameToken Profile 1.1, section 3.1)."""
    if nonce is None and created is None:
        return None
    made = None if created is None else _moment(created.text)
    text = "" if created is None else (created.text or "").strip()
    if nonce is None:
        return SingleUse(b"", made, text)
    if nonce.get("EncodingType", namespaces.BASE64_BINARY).strip() != namespaces.BASE64_BINARY:
        raise NotAuthenticated("A Nonce is written in Base64Binary")
    value = _base64(nonce.text, "Nonce")
    if not value:
        raise NotAuthenticated("A Nonce is not empty")
    return SingleUse(value, made, text)


def _base64(text: str | None, what: str) -> bytes:
    compact = "".join((text or "").split())
    if len(compact) > _LONGEST_NONCE:
        raise NotAuthenticated(f"The {what} of a UsernameToken is too long")
    try:
        return base64.b64decode(compact, validate=True)
    except ValueError:
        raise NotAuthenticated(f"The {what} of a UsernameToken is not written in Base64") from None


def _moment(text: str | None) -> datetime:
    """Read an xs:dateTime; one without a time zone is in UTC, as the profile wants it."""
    written = (text or "").strip()
    try:
        if not _MOMENT.fullmatch(written):
            raise ValueError
        moment = datetime.fromisoformat(written)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise NotAuthenticated("A moment in the security header is none") from None
