"""Where a client wants to be told, checked before anything is changed, and its secret put under seal."""

import hashlib
import hmac
from collections.abc import Sequence

from soapsvc.callbacks import signing
from soapsvc.callbacks.sender import Sender
from soapsvc.domain.errors import InvalidCallback
from soapsvc.domain.version_session import Callback
from soapsvc.usecases.vault import Vault, reveal


class CallbackSecrets:
    """Seals the secrets of callbacks with the first of some keys, and opens them with any; without keys it has none."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._vault = Vault(list(keys)) if keys else None
        first = keys[0] if keys else ""
        self._fingerprint_key = hashlib.sha256(f"fingerprints of callbacks {first}".encode()).digest()

    @property
    def has_keys(self) -> bool:
        """Whether anything can be sealed."""
        return self._vault is not None

    def seal(self, secret: str) -> str:
        """Put a secret under seal. Raises InvalidCallback where there are no keys."""
        if self._vault is None:
            raise InvalidCallback("secret", "this service has no keys to keep it by: its setting is secret_keys")
        return self._vault.seal(secret)

    def open(self, sealed: str) -> str:
        """Read a sealed secret. Raises StorageUnavailable where there is not the key that it was sealed with."""
        return reveal(self._vault, sealed)

    def fingerprint(self, url: str, secret: str | None) -> str:
        """Give what tells a target from another, and says nothing to who has not the key."""
        texts = (url, "" if secret is None else f"secret {secret}")
        return hmac.new(self._fingerprint_key, "\n".join(texts).encode(), hashlib.sha256).hexdigest()


async def checked(sender: Sender, secrets: CallbackSecrets, url: str, secret: str | None) -> Callback:
    """Check a URL, the addresses behind it, and the secret; give what may be stored. It takes some seconds at most.

    Raises InvalidCallback.
    """
    sealed = None if secret is None else sealed_secret(secrets, secret)
    await sender.check(url)
    return Callback(url=url, sealed_secret=sealed, fingerprint=secrets.fingerprint(url, secret))


def sealed_secret(secrets: CallbackSecrets, secret: str) -> str:
    """Seal a secret that can sign. Raises InvalidCallback for one that cannot."""
    signing.key_of(secret)
    return secrets.seal(secret)
