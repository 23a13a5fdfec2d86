"""Version sessions: one begins with every opening of an item and ends with what closes it."""

import sqlalchemy as sa

from soapsvc.domain.work_item import WorkItem
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import insert_into, of_tenancy, version_session
from soapsvc.storage.transaction import Transaction

_INSERT = Statement(insert_into(version_session))
_END = Statement(
    sa.update(version_session)
    .where(version_session.c.guid == sa.bindparam("session"), of_tenancy(version_session))
    .values(ended_version=sa.bindparam("ended_at"))
)


def begin(tx: Transaction, opened: WorkItem) -> None:
    """Record the session that this opening began. The item is as it was saved: open, with an owner."""
    row = {
        "guid": opened.session,
        "work_item_id": opened.id,
        "entity_id": opened.owner.id if opened.owner else None,
        "opened_at": tx.now(),
        "opened_version": opened.version,
        "ended_version": None,
    }
    _INSERT.store(tx, [row])


def end(tx: Transaction, session: str, closed: WorkItem) -> None:
    """Record the version at which a session ended."""
    _END.store(tx, [{"session": session, "ended_at": closed.version}])
