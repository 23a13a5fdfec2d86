"""Version sessions: one begins with every opening of an item and ends with what closes it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.answers import Answers
from soapsvc.domain.errors import LostRace
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.version_session import OPEN, OperationError, SessionState, VersionSession
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage.encoding import decode_answers, decode_error, encode_answers, encode_error
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import entity, insert_into, of_tenancy, version_session, work_item
from soapsvc.storage.transaction import Transaction

_IS_THAT = sa.and_(version_session.c.guid == sa.bindparam("session"), of_tenancy(version_session))
_IS_OPEN = sa.or_(*(version_session.c.state == one for one in sorted(OPEN)))
_SESSION = (
    sa.select(version_session, entity.c.type, entity.c.guid.label("entity_guid"), entity.c.name)
    .join(entity, entity.c.id == version_session.c.entity_id)
    .where(of_tenancy(version_session, entity))
)
_BY_GUID = Statement(_SESSION.where(version_session.c.guid == sa.bindparam("session")))
_OF_ITEM = Statement(
    _SESSION.where(version_session.c.work_item_id == sa.bindparam("item")).order_by(
        version_session.c.opened_version, version_session.c.guid
    )
)
_ID_OF_ITEM = Statement(
    sa.select(work_item.c.id).where(work_item.c.guid == sa.bindparam("guid"), of_tenancy(work_item))
)
_INSERT = Statement(insert_into(version_session), is_of_rows=True)
_BEGIN_AGAIN = Statement(
    sa.update(version_session)
    .where(_IS_THAT, version_session.c.state == SessionState.SAVED)
    .values(
        state=SessionState.IN_PROGRESS,
        entity_id=sa.bindparam("opener"),
        opened_at=sa.bindparam("at", type_=version_session.c.opened_at.type),
        opened_version=sa.bindparam("version"),
        ended_version=None,
        answers=sa.bindparam("given"),
        operation_id=None,
        error=None,
    )
)
_END = Statement(
    sa.update(version_session)
    .where(_IS_THAT)
    .values(ended_version=sa.bindparam("ended_at"), state=sa.bindparam("new_state"), answers=None)
)
_CHANGE_ANSWERS = Statement(
    sa.update(version_session)
    .where(_IS_THAT, _IS_OPEN)
    .values(state=SessionState.IN_PROGRESS, answers=sa.bindparam("given"), error=None)
)
_ACCEPT = Statement(
    sa.update(version_session)
    .where(_IS_THAT, _IS_OPEN)
    .values(state=sa.bindparam("new_state"), operation_id=sa.bindparam("operation"), error=None)
)
_OF_OPERATION = sa.and_(
    _IS_THAT,
    version_session.c.operation_id == sa.bindparam("operation"),
    version_session.c.state == sa.bindparam("state_before"),
)
_FINISH = Statement(
    sa.update(version_session)
    .where(_OF_OPERATION)
    .values(state=sa.bindparam("new_state"), ended_version=sa.bindparam("ended_at"), answers=None)
)
_FAIL = Statement(
    sa.update(version_session)
    .where(_OF_OPERATION)
    .values(state=sa.bindparam("new_state"), error=sa.bindparam("reason"))
)
_HOLD = Statement(sa.select(version_session.c.guid).where(_OF_OPERATION).with_for_update())


def begin(tx: Transaction, opened: WorkItem, answers: Answers | None = None) -> None:
    """Record the session that this opening began. The item is as it was saved: open, with an owner."""
    row = {
        "guid": opened.session,
        "work_item_id": opened.id,
        "entity_id": opened.owner.id if opened.owner else None,
        "opened_at": tx.now(),
        "opened_version": opened.version,
        "ended_version": None,
        "state": SessionState.IN_PROGRESS,
        "answers": _written(answers),
        "operation_id": None,
        "error": None,
    }
    _INSERT.store(tx, [row])


def begin_again(tx: Transaction, opened: WorkItem, answers: Answers | None) -> None:
    """Record that this opening went on with a session that was saved. Raises LostRace."""
    given = {"opener": opened.owner.id if opened.owner else None, "at": tx.now(), "version": opened.version}
    _expect_one(_BEGIN_AGAIN.change(tx, session=opened.session, given=_written(answers), **given))


def end(tx: Transaction, session: str, closed: WorkItem, state: SessionState) -> None:
    """Record the version at which a session ended, and how; what was not saved in it is gone."""
    _END.store(tx, [{"session": session, "ended_at": closed.version, "new_state": state}])


def change_answers(tx: Transaction, session: str, answers: Answers | None) -> None:
    """Keep other answers in an open session, which is in progress then. Raises LostRace."""
    _expect_one(_CHANGE_ANSWERS.change(tx, session=session, given=_written(answers)))


def accept(tx: Transaction, session: str, operation: str, state: SessionState) -> None:
    """Begin an operation in an open session. Raises LostRace."""
    _expect_one(_ACCEPT.change(tx, session=session, operation=operation, new_state=state))


def finish(
    tx: Transaction, session: str, operation: str, *, before: SessionState, after: SessionState, ended_at: int
) -> bool:
    """End a session as its own operation; say whether it was the one."""
    given = {"state_before": before, "new_state": after, "ended_at": ended_at}
    return _FINISH.change(tx, session=session, operation=operation, **given) == 1


def fail(
    tx: Transaction,
    session: str,
    operation: str,
    *,
    before: SessionState,
    after: SessionState,
    error: OperationError,
) -> bool:
    """Leave a session open as its own operation, with what it failed of; say whether it was the one."""
    given = {"state_before": before, "new_state": after, "reason": encode_error(error)}
    return _FAIL.change(tx, session=session, operation=operation, **given) == 1


def hold(tx: Transaction, session: VersionSession) -> None:
    """Let a session stay in its state, by its operation, until the transaction's end. Raises LostRace."""
    held = _HOLD.rows(tx, session=session.guid, operation=session.operation, state_before=session.state)
    _expect_one(len(held))


def find(tx: Transaction, guid: str) -> VersionSession | None:
    """Give the session of this GUID."""
    row = _BY_GUID.row(tx, session=guid)
    return None if row is None else _session(row)


def of_item(tx: Transaction, item_id: int) -> Sequence[VersionSession]:
    """Give the sessions of an item, in the order in which they began."""
    return [_session(row) for row in _OF_ITEM.rows(tx, item=item_id)]


def find_item(tx: Transaction, guid: str) -> int | None:
    """Give the id of the item of this GUID, by which sessions know it."""
    found: int | None = _ID_OF_ITEM.value(tx, guid=guid)
    return found


def _session(row: Any) -> VersionSession:
    by = Entity(id=row.entity_id, type=EntityType(row.type), guid=row.entity_guid, name=row.name)
    return VersionSession(
        guid=row.guid,
        item_id=row.work_item_id,
        state=SessionState(row.state),
        by=by,
        opened_at=row.opened_at,
        opened_version=row.opened_version,
        ended_version=row.ended_version,
        answers=None if row.answers is None else decode_answers(row.answers),
        operation=row.operation_id,
        error=None if row.error is None else decode_error(row.error),
    )


def _written(answers: Answers | None) -> str | None:
    return None if answers is None else encode_answers(answers)


def _expect_one(rows: int) -> None:
    if rows != 1:
        raise LostRace("the version session is no longer in the state that it was loaded in")
