"""Who a caller is: a name and a password, checked against the database and remembered briefly.

A verification costs tens of milliseconds on purpose. One that succeeded is remembered under a hash that this process
keys; after a short time the account is looked at again, and the password only if its hash has changed.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import argon2

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import Claim, InvalidRequest, NotAuthenticated
from soapsvc.storage import people
from soapsvc.storage.database import Database, run_in

NOT_AUTHENTICATED = "The user name or the password is wrong"
PASSWORD_LENGTHS = range(8, 1025)
MOST_REMEMBERED = 10_000
_VERIFIERS = 2

_hasher = argon2.PasswordHasher()


def hash_password(password: str) -> str:
    """Give the argon2 hash that is stored of a password. Raises InvalidRequest for one that is too short or long."""
    if len(password) not in PASSWORD_LENGTHS:
        raise InvalidRequest(f"A password has {PASSWORD_LENGTHS[0]} to {PASSWORD_LENGTHS[-1]} characters")
    return _hasher.hash(password)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A verified sign-in: who, by which stored hash, and until when the account need not be looked at."""

    caller: Caller
    password_hash: str
    fresh_until: float


class SignIn:
    """Checks names and passwords; one for a whole service, on its event loop."""

    def __init__(
        self, database: Database, *, seconds_remembered: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._seconds = seconds_remembered
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Future[Caller]] = {}
        self._verifiers = ThreadPoolExecutor(_VERIFIERS, "verifier")
        self._verifiers.submit(_hash_of_nobody)  # now, else the first unknown name would take longer than the others

    def close(self) -> None:
        """Let go of the threads; nobody waits any longer for checks that have not begun."""
        self._verifiers.shutdown(cancel_futures=True)

    async def caller(self, tenancy: int, name: str, password: str) -> Caller:
        """Give who signs in to a tenancy. Raises NotAuthenticated, with one text whatever was wrong."""
        if len(password) > PASSWORD_LENGTHS[-1]:
            raise NotAuthenticated(NOT_AUTHENTICATED, claimed=Claim(tenancy=tenancy, name=name))
        proof = hashlib.blake2b(f"{tenancy}:{len(name)}:{name}{password}".encode(), key=self._key).digest()
        remembered = self._remembered.get(proof)
        if remembered is not None and self._clock() < remembered.fresh_until:
            return remembered.caller
        return await self._checked_once(proof, tenancy, name, password)

    async def _checked_once(self, proof: bytes, tenancy: int, name: str, password: str) -> Caller:
        """Let many who sign in alike at the same moment share one check."""
        check = self._under_way.get(proof)
        if check is None:
            check = asyncio.ensure_future(self._check(proof, tenancy, name, password))
            self._under_way[proof] = check
            check.add_done_callback(lambda _: self._under_way.pop(proof))
        return await asyncio.shield(check)

    async def _check(self, proof: bytes, tenancy: int, name: str, password: str) -> Caller:
        account = await self._database.seen(run_in(tenancy, lambda tx: people.find_account(tx, name)))
        remembered = self._remembered.pop(proof, None)
        person, password_hash = account or (None, None)
        if remembered is None or remembered.password_hash != password_hash:
            # Who does not exist costs the same time as who gave a wrong password.
            loop = asyncio.get_running_loop()
            if not await loop.run_in_executor(self._verifiers, _verify, password_hash, password):
                raise NotAuthenticated(NOT_AUTHENTICATED, claimed=Claim(tenancy=tenancy, name=name))
        if person is None or password_hash is None:
            raise NotAuthenticated(NOT_AUTHENTICATED, claimed=Claim(tenancy=tenancy, name=name))
        caller = Caller(person=person, tenancy=tenancy)
        self._remember(proof, _Remembered(caller, password_hash, self._clock() + self._seconds))
        return caller

    def _remember(self, proof: bytes, sign_in: _Remembered) -> None:
        self._remembered[proof] = sign_in
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        return _hasher.verify(password_hash or _hash_of_nobody(), password)
    except argon2.exceptions.VerificationError:
        return False
