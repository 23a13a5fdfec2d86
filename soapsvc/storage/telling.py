"""What a transaction tells every process of the service: that what it remembers is out of date."""

import sqlalchemy as sa

from soapsvc.storage.statements import Statement
from soapsvc.storage.transaction import Transaction

CHANNEL = "soapsvc_changes"

_NOTIFY = Statement(sa.select(sa.func.pg_notify(CHANNEL, "").label("told")))


def everybody(tx: Transaction) -> None:
    """Let every process on this database forget what it remembers, once this transaction is committed.

    For people, grants, the organisation and tenancies, never for work items: on PostgreSQL such a commit waits for all
    others that notify. On SQLite only the service's own processes are told; beside a command they find out by
    themselves, some seconds later.

    This process forgets at once, and again when the change is on disk. Between the two others still read what was
    before, and must not remember it for longer.
    """
    tx.memory.forget()
    tx.after_commit(tx.memory.forget)
    if tx.dialect.name != "sqlite":
        _NOTIFY.row(tx)
