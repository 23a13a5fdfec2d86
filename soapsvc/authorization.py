"""What HTTP's Authorization shows of who sends a request: a name and a password, or a token."""

import base64

from soapsvc.domain.credentials import BearerToken, Credentials, Shown
from soapsvc.domain.errors import NotAuthenticated

CHALLENGES = (
    ("www-authenticate", 'Basic realm="soapsvc", charset="UTF-8"'),
    ("www-authenticate", 'Bearer realm="soapsvc"'),
)
"""What a request that shows nothing, or what is wrong, is answered beside its 401."""

_DOTS_OF_A_TOKEN = 2


def shown_in(authorization: str) -> Shown:
    """Give what the header shows. Raises NotAuthenticated for what cannot be read or used."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "basic":
        return _of_basic(value)
    if scheme.lower() == "bearer":
        return BearerToken(value.strip())
    if not value and scheme.count(".") == _DOTS_OF_A_TOKEN:  # some clients send the bare token
        return BearerToken(scheme)
    raise NotAuthenticated("Of the HTTP authentication schemes only Basic and Bearer are accepted here")


def _of_basic(encoded: str) -> Credentials:
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise NotAuthenticated("The Authorization header cannot be read")
    return Credentials(name, password)
