"""The keys of tokens: made when the first is needed, replaced when the operator says so."""

import uuid
from datetime import timedelta

from joserfc.jwk import OKPKey

from soapsvc.domain.audit import AuditKind
from soapsvc.storage import token_keys
from soapsvc.storage.token_keys import StoredKey
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit
from soapsvc.usecases.vault import Vault, protect, reveal

LONGEST_LIFETIME = timedelta(days=1)
"""No token lives longer, and so no replaced key verifies longer."""


def signing_key(tx: Transaction, vault: Vault | None) -> tuple[str, OKPKey]:
    """Give the id of the key that signs now, and the key; a first one is made. Raises StorageUnavailable if sealed."""
    stored = token_keys.signing(tx)
    if stored is None or stored.private_key is None:
        stored = _make(tx, vault)
    return stored.kid, _read(reveal(vault, stored.private_key or ""))


def verifying_key(tx: Transaction, kid: str) -> OKPKey | None:
    """Give what verifies the tokens that a key has signed, while it does."""
    stored = token_keys.find(tx, kid)
    return None if stored is None else _read(stored.public_key)


def rotate(tx: Transaction, vault: Vault | None) -> str:
    """Let a new key sign; the old ones verify until the tokens that they signed have ended. Give the new one's id."""
    token_keys.retire(tx, until=tx.now() + LONGEST_LIFETIME)
    return _make(tx, vault).kid


def forget_old(tx: Transaction) -> int:
    """Forget keys that verify nothing any longer; say how many."""
    return token_keys.forget(tx)


def _make(tx: Transaction, vault: Vault | None) -> StoredKey:
    key: OKPKey = OKPKey.generate_key("Ed25519")
    made = StoredKey(
        kid=str(uuid.uuid4()),
        public_key=_written(key, private=False),
        private_key=protect(vault, _written(key, private=True)),
        made_at=tx.now(),
    )
    token_keys.add(tx, made)
    audit.record(tx, AuditKind.KEY_CHANGED, subject=made.kid, detail="signs tokens from now on")
    return made


def _written(key: OKPKey, *, private: bool) -> str:
    return key.as_pem(private=private).decode()


def _read(text: str) -> OKPKey:
    key: OKPKey = OKPKey.import_key(text)
    return key
