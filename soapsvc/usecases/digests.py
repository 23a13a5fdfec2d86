"""Signing in by PasswordDigest: a hash over nonce, moment and a password that the service can read again."""

import base64
import hashlib
import hmac
import secrets

from soapsvc.domain.caller import Caller
from soapsvc.domain.credentials import PasswordDigest, SingleUse
from soapsvc.domain.errors import Claim, NotAuthenticated
from soapsvc.storage import recoverable_secrets
from soapsvc.storage.database import Database, run_in
from soapsvc.usecases.throttle import NOT_AUTHENTICATED, Throttle
from soapsvc.usecases.vault import Vault


def digest_of(password: str, token: SingleUse) -> bytes:
    """Compute SHA-1(nonce + created + password), as UsernameToken Profile 1.1, section 3.1, has it."""
    return hashlib.sha1(token.nonce + token.created_text.encode() + password.encode()).digest()  # noqa: S324


class DigestSignIn:
    """Checks digests; where there is no vault, there are no recoverable secrets, and none is accepted."""

    def __init__(self, database: Database, *, vault: Vault | None, throttle: Throttle) -> None:
        self._database = database
        self._vault = vault
        self._throttle = throttle
        self._nobody = vault.seal(base64.b64encode(secrets.token_bytes(12)).decode()) if vault else ""

    async def caller(self, claimed: Claim, shown: PasswordDigest, *, address: str) -> Caller:
        """Give who signs in. Raises NotAuthenticated, with one text whatever was wrong.

        The account is looked at each time: no two digests are alike, so there is nothing to remember.
        """
        if self._vault is None:
            raise NotAuthenticated(
                "Of the UsernameToken's passwords only PasswordText is accepted here", claimed=claimed
            )
        find = run_in(claimed.tenancy, lambda tx: recoverable_secrets.find(tx, claimed.name))
        found = await self._database.seen(find)
        self._throttle.begin(claimed, address)
        # Who does not exist, is disabled or has no such secret costs the same work as who gave a wrong digest.
        secret = self._vault.open(found[1] if found else self._nobody)
        is_right = hmac.compare_digest(digest_of(secret, shown.single_use), shown.digest)
        if found is None or not is_right:
            self._throttle.failed(address)
            raise NotAuthenticated(NOT_AUTHENTICATED, claimed=claimed)
        self._throttle.succeeded(claimed, address)
        return Caller(person=found[0], tenancy=claimed.tenancy)
