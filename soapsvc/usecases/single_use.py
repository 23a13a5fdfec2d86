"""Tokens of single use: how old they may be, and that none passes twice."""

import hashlib
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from soapsvc.domain.credentials import Lifetime, SingleUse
from soapsvc.domain.errors import Claim, NotAuthenticated
from soapsvc.storage import used_nonces
from soapsvc.storage.database import Database, run_in
from soapsvc.storage.transaction import Transaction

TOO_OLD = "The message is too old, or its clock or ours is wrong"
USED = "The message was sent before: each needs a Nonce of its own"
FULL = "Too many tokens of single use came in too short a time"


def real_now() -> datetime:
    """Give the time by this machine's clock."""
    return datetime.now(UTC)


class SingleUses:
    """Remembers what was used, in this process and in the database, until its age alone would have it refused.

    At most `most` are remembered; when there is no room, further ones are refused and none is forgotten early.
    """

    def __init__(
        self,
        database: Database,
        *,
        skew_seconds: float = 300,
        most: int = 100_000,
        now: Callable[[], datetime] = real_now,
    ) -> None:
        self._database = database
        self._skew = timedelta(seconds=skew_seconds)
        self._most = most
        self._now = now
        self._used: set[str] = set()
        self._by_end: list[tuple[datetime, str]] = []

    def load(self) -> None:
        """Read what earlier processes have kept; blocks, so it comes before serving begins."""
        now = self._now()
        kept = self._database.read(lambda tx: used_nonces.kept(tx, now=now, most=self._most)).result()
        for key, until in kept:
            self._remember(key, until)

    def check_lifetime(self, lifetime: Lifetime) -> None:
        """Raise NotAuthenticated for a message that was made later than now, or meant to be read before now."""
        now = self._now()
        if lifetime.created is not None and lifetime.created - now > self._skew:
            raise NotAuthenticated(TOO_OLD)
        if lifetime.expires is not None and now - lifetime.expires >= self._skew:
            raise NotAuthenticated(TOO_OLD)

    def check_age(self, token: SingleUse, claimed: Claim) -> None:
        """Raise NotAuthenticated for a token that is older, or younger, than the clocks may differ."""
        if token.created is not None and not -self._skew <= self._now() - token.created <= self._skew:
            raise NotAuthenticated(TOO_OLD, claimed=claimed)

    async def use(self, claimed: Claim, token: SingleUse) -> None:
        """Let a token of somebody who has proven who he is pass, this once. Raises NotAuthenticated.

        What has a moment but no nonce cannot be told from another of that moment, and passes by its age alone.
        """
        self.check_age(token, claimed)
        if not token.nonce:
            return
        key, until = _key(claimed, token), self._end_of(token)
        self._forget_old()
        if key in self._used:
            raise NotAuthenticated(USED, claimed=claimed)
        if len(self._used) >= self._most:
            raise NotAuthenticated(FULL, claimed=claimed)
        self._remember(key, until)  # before anything is awaited: a twin of this request may be here already
        is_first = run_in(claimed.tenancy, lambda tx: used_nonces.use(tx, key, until=until))
        if not await self._database.written(is_first):
            raise NotAuthenticated(USED, claimed=claimed)

    def _end_of(self, token: SingleUse) -> datetime:
        """Give the first moment at which a token is refused for its age, or at which one without age is forgotten."""
        beyond = timedelta(seconds=1)
        return self._now() + 2 * self._skew + beyond if token.created is None else token.created + self._skew + beyond

    def _remember(self, key: str, until: datetime) -> None:
        self._used.add(key)
        heapq.heappush(self._by_end, (until, key))

    def _forget_old(self) -> None:
        now = self._now()
        while self._by_end and self._by_end[0][0] <= now:
            self._used.discard(heapq.heappop(self._by_end)[1])


def forget_old(tx: Transaction) -> int:
    """Forget in the database what is refused for its age; say how many."""
    return used_nonces.forget(tx, now=tx.now())


def _key(claimed: Claim, token: SingleUse) -> str:
    parts = (b"%d" % claimed.tenancy, claimed.name.encode(), token.nonce, token.created_text.encode())
    return hashlib.blake2b(b"".join(b"%d:%b" % (len(part), part) for part in parts), digest_size=32).hexdigest()
