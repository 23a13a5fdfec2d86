"""Signatures of callbacks, after Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and the very bytes sent."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from soapsvc.domain.errors import InvalidCallback

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
"""How long a key is that is given in base64."""
MOST_SECRET_BYTES = 1_024

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def key_of(secret: str) -> bytes:
    """Give the key that a secret stands for: base64 behind "whsec_", and else the UTF-8 bytes of the text itself.

    Raises InvalidCallback, which never repeats the secret.
    """
    if secret.startswith(PREFIX):
        return _decoded(secret.removeprefix(PREFIX))
    try:
        key = secret.encode()
    except UnicodeEncodeError:
        raise InvalidCallback("secret", "it is no text that UTF-8 can hold") from None
    if not 0 < len(key) <= MOST_SECRET_BYTES:
        raise InvalidCallback("secret", f"it has 1 to {MOST_SECRET_BYTES} bytes in UTF-8")
    return key


def _decoded(text: str) -> bytes:
    reason = f"behind {PREFIX} stands base64 of {KEY_BYTES[0]} to {KEY_BYTES[-1]} bytes"
    if not _BASE64.fullmatch(text):
        raise InvalidCallback("secret", reason)
    try:
        key = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except binascii.Error:
        raise InvalidCallback("secret", reason) from None
    if len(key) not in KEY_BYTES:
        raise InvalidCallback("secret", reason)
    return key


def headers(webhook_id: str, seconds: int, body: bytes, secret: str | None) -> Mapping[str, str]:
    """Give the headers of one try, `seconds` after 1970 began. Without a secret there is no signature among them."""
    given = {"webhook-id": webhook_id, "webhook-timestamp": str(seconds)}
    if secret is None:
        return given
    signed = f"{webhook_id}.{seconds}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return given | {"webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}
