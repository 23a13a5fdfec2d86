"""The operations on versions that were accepted, and what they came to."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.version_session import Callback, OperationError, OperationKind, VersionOperation
from soapsvc.storage.encoding import decode_error, encode_error
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, entity, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.version_tables import version_operation

_INSERT = Statement(insert_into(version_operation))
_BY_ID = Statement(
    sa.select(version_operation, entity.c.type, entity.c.guid, entity.c.name)
    .join(entity, entity.c.id == version_operation.c.entity_id)
    .where(version_operation.c.id == sa.bindparam("operation"), of_tenancy(version_operation, entity))
)
_FINISH = Statement(
    sa.update(version_operation)
    .where(version_operation.c.id == sa.bindparam("operation"), of_tenancy(version_operation))
    .values(
        finished_at=sa.bindparam("at", type_=Moment),
        item_version=sa.bindparam("version"),
        error=sa.bindparam("reason"),
        callback_url=sa.case((version_operation.c.callback_url.is_not(None), "")),
        callback_secret=None,
    )
)
_SECRETS = Statement(
    sa.select(version_operation.c.id, version_operation.c.callback_secret).where(
        version_operation.c.callback_secret.is_not(None), of_tenancy(version_operation)
    )
)
_RESEAL = Statement(
    sa.update(version_operation)
    .where(
        version_operation.c.id == sa.bindparam("operation"),
        version_operation.c.callback_secret == sa.bindparam("sealed"),
        of_tenancy(version_operation),
    )
    .values(callback_secret=sa.bindparam("new_sealed"))
)


def add(tx: Transaction, accepted: VersionOperation) -> None:
    """Keep an operation that was accepted."""
    callback = accepted.callback
    _INSERT.change(
        tx,
        id=accepted.id,
        kind=accepted.kind,
        work_item_id=accepted.item_id,
        session_guid=accepted.session,
        entity_id=accepted.by.id,
        accepted_at=accepted.accepted_at,
        accepted_version=accepted.accepted_version,
        run_assembly=accepted.run_assembly,
        callback_url=callback.url if callback else None,
        callback_secret=callback.sealed_secret if callback else None,
        callback_fingerprint=callback.fingerprint if callback else None,
        finished_at=None,
        item_version=None,
        error=None,
    )


def find(tx: Transaction, operation: str) -> VersionOperation | None:
    """Give the operation of this id."""
    row = _BY_ID.row(tx, operation=operation)
    return None if row is None else _operation(row)


def finish(tx: Transaction, operation: str, *, item_version: int, error: OperationError | None) -> None:
    """Keep what an operation came to, and its callback's URL and secret no longer.

    What sends it has its own; a repeat is known by the fingerprint.
    """
    reason = None if error is None else encode_error(error)
    _FINISH.change(tx, operation=operation, at=tx.now(), version=item_version, reason=reason)


def sealed_secrets(tx: Transaction) -> Sequence[tuple[str, str]]:
    """Give the secrets of callbacks of operations that have not ended, each with the operation's id."""
    return [(row.id, row.callback_secret) for row in _SECRETS.rows(tx)]


def reseal(tx: Transaction, operation: str, sealed: str, anew: str) -> None:
    """Keep a secret under another seal, unless it is gone."""
    _RESEAL.change(tx, operation=operation, sealed=sealed, new_sealed=anew)


def _operation(row: Any) -> VersionOperation:
    callback = None
    if row.callback_url is not None:
        callback = Callback(
            url=row.callback_url, sealed_secret=row.callback_secret, fingerprint=row.callback_fingerprint
        )
    return VersionOperation(
        id=row.id,
        kind=OperationKind(row.kind),
        session=row.session_guid,
        item_id=row.work_item_id,
        accepted_version=row.accepted_version,
        accepted_at=row.accepted_at,
        by=Entity(id=row.entity_id, type=EntityType(row.type), guid=row.guid, name=row.name),
        run_assembly=row.run_assembly,
        callback=callback,
        finished_at=row.finished_at,
        item_version=row.item_version,
        error=None if row.error is None else decode_error(row.error),
    )
