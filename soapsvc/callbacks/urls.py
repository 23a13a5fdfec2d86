"""What a callback's URL may look like; the one place where it is taken apart, so that nobody reads it differently."""

import re
from dataclasses import dataclass

from soapsvc.domain.errors import InvalidCallback

MOST_CHARACTERS = 2_048
_PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<authority>[^/?]*)"
    r"(?P<path>[^?]*)"
    r"(?P<query>\?.*)?"
)
# What RFC 3986 allows anywhere in a URL: no spaces, control characters, backslashes or letters beyond ASCII.
_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL taken apart: `host` is a name or an address without brackets, `target` the path and query to ask for."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def endpoint_of(url: str, *, http_allowed: bool) -> Endpoint:
    """Take a URL apart. Raises InvalidCallback, which never repeats it."""
    if len(url) > MOST_CHARACTERS:
        raise InvalidCallback("URL", f"it has more than {MOST_CHARACTERS} characters")
    found = _URL.fullmatch(url) if _CHARACTERS.fullmatch(url) else None
    if found is None:
        raise InvalidCallback("URL", "it is no absolute URL as RFC 3986 has it")
    scheme = found["scheme"].lower()
    if scheme not in ({"http", "https"} if http_allowed else {"https"}):
        raise InvalidCallback("URL", "it must begin with https://" + (" or http://" if http_allowed else ""))
    if "#" in url:
        raise InvalidCallback("URL", "it must not have a fragment")
    if "@" in found["authority"]:
        raise InvalidCallback("URL", "it must not have credentials")
    authority = _AUTHORITY.fullmatch(found["authority"])
    port = int(authority["port"] or _PORTS[scheme]) if authority else 0
    if authority is None or not 0 < port <= 65_535:
        raise InvalidCallback("URL", "it has no host and port that can be called")
    return Endpoint(
        scheme, authority["host"].strip("[]").lower(), port, (found["path"] or "/") + (found["query"] or "")
    )


def host_of(url: str) -> str:
    """Give the host of a URL that was accepted once, whatever is allowed now; the whole URL if it has none."""
    found = _URL.fullmatch(url)
    authority = _AUTHORITY.fullmatch(found["authority"]) if found else None
    return authority["host"].lower() if authority else url
