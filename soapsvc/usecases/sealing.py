"""All that is sealed, sealed anew: what must come before an old key is thrown away."""

from collections.abc import Callable

from soapsvc.domain.audit import AuditKind
from soapsvc.storage import deliveries, operations, recoverable_secrets, tenancies, token_keys
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit
from soapsvc.usecases.callback_targets import CallbackSecrets
from soapsvc.usecases.vault import Vault, reveal


def reseal(tx: Transaction, vault: Vault | None, of_callbacks: CallbackSecrets) -> int:
    """Seal everything of all tenancies with the first key that there is for it; say how many secrets.

    Passwords and private keys of tokens are left alone where there is no vault for them. Raises StorageUnavailable.
    """
    count = 0
    for one in tenancies.every(tx):
        tx.tenancy = one.id
        count += _reseal(tx, vault, of_callbacks)
    return count


def _reseal(tx: Transaction, vault: Vault | None, of_callbacks: CallbackSecrets) -> int:
    count = _reseal_callbacks(tx, lambda sealed: of_callbacks.seal(of_callbacks.open(sealed)))
    if vault is not None:
        count += _reseal_credentials(tx, vault)
    if count:
        audit.record(tx, AuditKind.KEY_CHANGED, subject="secret key", detail=f"{count} secrets sealed anew")
    return count


def _reseal_credentials(tx: Transaction, vault: Vault) -> int:
    secrets = recoverable_secrets.every(tx)
    for entity_id, sealed in secrets:
        recoverable_secrets.reseal(tx, entity_id, vault.seal(vault.open(sealed)))
    keys = [key for key in token_keys.every_signing(tx) if key.private_key is not None]
    for key in keys:
        token_keys.reseal(tx, key.kid, vault.seal(reveal(vault, key.private_key or "")))
    return len(secrets) + len(keys)


def _reseal_callbacks(tx: Transaction, anew: Callable[[str], str]) -> int:
    """Seal what deliveries and operations that go on have; of one that moves on meanwhile the secret goes with it."""
    of_operations, of_deliveries = operations.sealed_secrets(tx), deliveries.sealed_secrets(tx)
    for operation, sealed in of_operations:
        operations.reseal(tx, operation, sealed, anew(sealed))
    for delivery, sealed in of_deliveries:
        deliveries.reseal(tx, delivery, sealed, anew(sealed))
    return len(of_operations) + len(of_deliveries)
