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
from soapsvc.usecases.throttle import NOT_AUTHENTICATED, Throttle

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
    """A verified sign-in: who, by which stored hash, and until when, or which change, it is trusted unseen."""

    caller: Caller
    password_hash: str
    fresh_until: float
    change: int


class SignIn:
    """Checks names and passwords; one for a whole service, on its event loop."""

    def __init__(
        self,
        database: Database,
        *,
        seconds_remembered: float,
        throttle: Throttle | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._throttle = throttle or Throttle(clock=clock)
        self._seconds = seconds_remembered
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._under_way: dict[tuple[bytes, str, int], asyncio.Future[Caller]] = {}
        self._verifiers = ThreadPoolExecutor(_VERIFIERS, "verifier")
        self._verifiers.submit(_hash_of_nobody)  # now, else the first unknown name would take longer than the others

    def close(self) -> None:
        """Let go of the threads; nobody waits any longer for checks that have not begun."""
        self._verifiers.shutdown(cancel_futures=True)

    async def caller(self, tenancy: int, name: str, password: str, *, address: str = "") -> Caller:
        """Give who signs in to a tenancy, from an address. Raises NotAuthenticated, with one text whatever is wrong."""
        claimed = Claim(tenancy=tenancy, name=name)
        if len(password) > PASSWORD_LENGTHS[-1]:
            raise NotAuthenticated(NOT_AUTHENTICATED, claimed=claimed)
        proof = hashlib.blake2b(f"{tenancy}:{len(name)}:{name}{password}".encode(), key=self._key).digest()
        remembered = self._remembered.get(proof)
        if (
            remembered is not None
            and self._clock() < remembered.fresh_until
            and remembered.change == self._database.changes()
        ):
            return remembered.caller
        return await self._checked_once(proof, claimed, password, address)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Compare a password with a hash, in a thread; where there is no hash, it costs the same time and is wrong."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._verifiers, _verify, password_hash, password)

    async def _checked_once(self, proof: bytes, claimed: Claim, password: str, address: str) -> Caller:
        """Let many who sign in alike at the same moment, from the same address, share one check."""
        key = (proof, address, self._database.changes())  # who comes after a change must not share what came before
        check = self._under_way.get(key)
        if check is None:
            check = asyncio.ensure_future(self._check(proof, claimed, password, address))
            self._under_way[key] = check
            check.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(check)

    async def _check(self, proof: bytes, claimed: Claim, password: str, address: str) -> Caller:
        change = self._database.changes()  # before the account is looked at: one that comes later is noticed later
        find = run_in(claimed.tenancy, lambda tx: people.find_account(tx, claimed.name))
        account = await self._database.seen(find)
        remembered = self._remembered.pop(proof, None)
        person, password_hash = account or (None, None)
        if remembered is None or remembered.password_hash != password_hash:
            # Who was verified before is not held up by others' failures: this very password was right, and still is.
            await self._prove(claimed, password, password_hash, address)
        if person is None or password_hash is None:
            raise NotAuthenticated(NOT_AUTHENTICATED, claimed=claimed)
        caller = Caller(person=person, tenancy=claimed.tenancy)
        self._remember(proof, _Remembered(caller, password_hash, self._clock() + self._seconds, change))
        return caller

    async def _prove(self, claimed: Claim, password: str, password_hash: str | None, address: str) -> None:
        """Raise NotAuthenticated for a wrong password; who does not exist costs the same time as who gave one."""
        self._throttle.begin(claimed, address)
        if not await self.verify(password_hash, password):
            self._throttle.failed(address)
            raise NotAuthenticated(NOT_AUTHENTICATED, claimed=claimed)
        self._throttle.succeeded(claimed, address)

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
