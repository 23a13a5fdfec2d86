"""All that is sealed, sealed anew: what must come before an old key is thrown away."""

from soapsvc.domain.audit import AuditKind
from soapsvc.storage import recoverable_secrets, tenancies, token_keys
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit
from soapsvc.usecases.vault import Vault, reveal


def reseal(tx: Transaction, vault: Vault) -> int:
    """Seal the passwords and private keys of all tenancies with the vault's first key; say how many.

    Raises StorageUnavailable.
    """
    count = 0
    for one in tenancies.every(tx):
        tx.tenancy = one.id
        count += _reseal(tx, vault)
    return count


def _reseal(tx: Transaction, vault: Vault) -> int:
    secrets = recoverable_secrets.every(tx)
    for entity_id, sealed in secrets:
        recoverable_secrets.reseal(tx, entity_id, vault.seal(vault.open(sealed)))
    keys = [key for key in token_keys.every_signing(tx) if key.private_key is not None]
    for key in keys:
        token_keys.reseal(tx, key.kid, vault.seal(reveal(vault, key.private_key or "")))
    count = len(secrets) + len(keys)
    if count:
        audit.record(tx, AuditKind.KEY_CHANGED, subject="secret key", detail=f"{count} secrets sealed anew")
    return count
