"""Tokens: given to service principals for their secrets, and accepted in place of a password."""

import hashlib
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError

from soapsvc.domain.caller import Caller
from soapsvc.domain.credentials import Scope
from soapsvc.domain.errors import Claim, NotAuthenticated
from soapsvc.storage import principals
from soapsvc.storage.database import Database, run_in
from soapsvc.storage.principals import Principal
from soapsvc.usecases import principals as people_of_clients
from soapsvc.usecases import token_keys
from soapsvc.usecases.sign_in import PASSWORD_LENGTHS, SignIn
from soapsvc.usecases.single_use import real_now
from soapsvc.usecases.tenancies import Directory, KnownTenancies
from soapsvc.usecases.throttle import PRINCIPAL, Throttle
from soapsvc.usecases.vault import Vault

WRONG_SECRET = "The client, the principal or its secret is wrong"  # noqa: S105
WRONG_TOKEN = "The token is none of this service, or is valid no longer"  # noqa: S105
ALGORITHM = "Ed25519"
MOST_REMEMBERED = 10_000
_LONGEST_TOKEN = 4_096
_LONGEST_KID = 36
_TENANCY = "tenancy"
"""The claim that says which tenancy a token is of, by its moniker."""

_SUBJECT = re.compile(r"[0-9]{1,18}")


class ScopeTooWide(Exception):
    """A principal asked for a scope that it does not have, or that there is not."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, for how many seconds it is valid, how far it reaches, and as whom it acts."""

    text: str = field(repr=False)
    seconds: int
    scope: Scope
    caller: Caller


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A token that was verified: whose, until when it is valid at all, and until when it need not be looked at."""

    caller: Caller
    moniker: str
    ends: datetime
    fresh_until: datetime
    change: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRules:
    """Whose tokens are accepted, those of `issuer`, and for how many seconds they are valid and trusted unseen."""

    issuer: str
    lifetime_seconds: int = 3_600
    seconds_remembered: float = 5


class Tokens:
    """Gives and accepts tokens; one for a whole service, on its event loop."""

    def __init__(
        self,
        database: Database,
        tenancies: KnownTenancies,
        sign_in: SignIn,
        *,
        rules: TokenRules,
        throttle: Throttle,
        vault: Vault | None = None,
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self._database = database
        self._tenancies = tenancies
        self._sign_in = sign_in
        self._issuer = rules.issuer
        self._throttle = throttle
        self._vault = vault
        self._lifetime = rules.lifetime_seconds
        self._fresh = timedelta(seconds=rules.seconds_remembered)
        self._now = now
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def issue(
        self, client: str, name: str, secret: str, *, host: bytes, address: str, scope: str | None = None
    ) -> IssuedToken:
        r"""Give a token to a principal that knows its secret, of its own scope or a narrower one that it asks for.

        The tenancy is that of the Host header, or the one whose moniker stands before the client, as in `acme\\crm`.
        Raises NotAuthenticated with one text whatever was wrong, and ScopeTooWide.
        """
        tenancy, client = (await self._tenancies.directory()).meant(host, client)
        claimed = Claim(tenancy=tenancy.id, name=people_of_clients.client_id(client, name))
        principal = await self._principal(claimed, client, name, secret, address)
        granted = _granted(principal.scope, scope)
        kid, key = await self._database.written(run_in(tenancy.id, lambda tx: token_keys.signing_key(tx, self._vault)))
        seconds = principal.lifetime_seconds or self._lifetime
        issued_at = int(self._now().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": str(principal.id),
            _TENANCY: tenancy.moniker,
            "client_id": claimed.name,
            "scope": granted.value,
            "iat": issued_at,
            "exp": issued_at + seconds,
            "jti": str(uuid.uuid4()),
        }
        text = jwt.encode({"alg": ALGORITHM, "kid": kid}, claims, key, algorithms=[ALGORITHM])
        caller = Caller(person=principal.person, tenancy=tenancy.id, scope=granted)
        return IssuedToken(text, seconds, granted, caller)

    async def caller(self, token: str, *, host: bytes) -> Caller:
        """Give the person as whom a token acts, with its scope. Raises NotAuthenticated, with one text."""
        directory = await self._tenancies.directory()
        digest = hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=32).digest()
        found, now = self._remembered.get(digest), self._now()
        if found is None or not now < min(found.fresh_until, found.ends) or found.change != self._database.changes():
            found = await self._checked(token, directory)
            self._remembered[digest] = found
            self._remembered.move_to_end(digest)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        if directory.bearer_of(host, found.moniker) is None:
            raise NotAuthenticated(WRONG_TOKEN)
        return found.caller

    async def _principal(self, claimed: Claim, client: str, name: str, secret: str, address: str) -> Principal:
        find = run_in(claimed.tenancy, lambda tx: principals.find(tx, client, name))
        principal = await self._database.seen(find)
        self._throttle.begin(claimed, address, text=WRONG_SECRET, kind=PRINCIPAL)
        usable = principal is not None and principal.enabled and len(secret) <= PASSWORD_LENGTHS[-1]
        secret_hash = principal.secret_hash if principal is not None and usable else None
        is_right = await self._sign_in.verify(secret_hash, secret[: PASSWORD_LENGTHS[-1]])
        if principal is None or not usable or not is_right:
            self._throttle.failed(address)
            raise NotAuthenticated(WRONG_SECRET, claimed=claimed)
        self._throttle.succeeded(claimed, address, kind=PRINCIPAL)
        return principal

    async def _checked(self, token: str, directory: Directory) -> _Remembered:
        change = self._database.changes()
        kid, moniker = _said_by(token)
        tenancy = directory.bearer_of(b"", moniker)
        if tenancy is None:
            raise NotAuthenticated(WRONG_TOKEN)
        # The key of the tenancy that the token names: none that another tenancy's key has signed is verified by it.
        key = await self._database.seen(run_in(tenancy.id, lambda tx: token_keys.verifying_key(tx, kid)))
        if key is None:
            raise NotAuthenticated(WRONG_TOKEN)
        claims = self._claims_of(token, key)
        find = run_in(tenancy.id, lambda tx: principals.find_by_id(tx, int(claims["sub"])))
        principal = await self._database.seen(find)
        if principal is None or not principal.enabled:
            who = people_of_clients.client_id(principal.client, principal.name) if principal else ""
            raise NotAuthenticated(WRONG_TOKEN, claimed=Claim(tenancy=tenancy.id, name=who))
        scope = _narrower(principal.scope, Scope(claims["scope"]))
        now = self._now()
        ends = now + timedelta(seconds=claims["exp"] - now.timestamp())
        caller = Caller(person=principal.person, tenancy=tenancy.id, scope=scope)
        return _Remembered(caller, moniker, ends, now + self._fresh, change)

    def _claims_of(self, token: str, key: Any) -> dict[str, Any]:
        """Read a token that this key has signed for this service. Raises NotAuthenticated."""
        wanted = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now().timestamp()),
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._issuer},
            exp={"essential": True},
            sub={"essential": True},
            scope={"essential": True, "values": [scope.value for scope in Scope]},
        )
        try:
            decoded = jwt.decode(token, key, algorithms=[ALGORITHM])
            wanted.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise NotAuthenticated(WRONG_TOKEN) from error
        if not (isinstance(decoded.claims["scope"], str) and _SUBJECT.fullmatch(str(decoded.claims["sub"]))):
            raise NotAuthenticated(WRONG_TOKEN)
        return decoded.claims


def _said_by(token: str) -> tuple[str, str]:
    """Read of which key and which tenancy a token says that it is. Raises NotAuthenticated for what is no token."""
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise NotAuthenticated(WRONG_TOKEN)
    try:
        read = jws.extract_compact(token.encode())
        kid, claims = read.headers().get("kid"), msgspec.json.decode(read.payload)
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise NotAuthenticated(WRONG_TOKEN) from error
    moniker = claims.get(_TENANCY) if isinstance(claims, dict) else None
    if not isinstance(kid, str) or len(kid) > _LONGEST_KID or not isinstance(moniker, str):
        raise NotAuthenticated(WRONG_TOKEN)
    return kid, moniker


def _granted(own: Scope, wanted: str | None) -> Scope:
    if not wanted:
        return own
    if wanted not in set(Scope) or not own.includes(Scope(wanted)):
        raise ScopeTooWide(wanted)
    return Scope(wanted)


def _narrower(one: Scope, other: Scope) -> Scope:
    return other if one.includes(other) else one
