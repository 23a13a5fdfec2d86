"""Repeated requests: who did not get his answer may ask again, and is told what he would have been told."""

from collections.abc import Callable
from datetime import timedelta

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import InvalidRequest
from soapsvc.storage import answered_requests
from soapsvc.storage.transaction import Transaction

REMEMBERED = timedelta(days=1)
REQUEST_ID_LENGTHS = range(1, 129)


def answer_once(tx: Transaction, caller: Caller, request_id: str, digest: str, act: Callable[[], bytes]) -> bytes:
    """Give the first answer to a caller's request of this id, or act and keep the answer in the same transaction.

    `digest` stands for what the request says. A failure is not kept: nothing was changed, and a repeat tries again.
    Raises InvalidRequest for an id that was used for another request within a day, and what `act` raises.
    """
    if len(request_id) not in REQUEST_ID_LENGTHS:
        raise InvalidRequest(f"A RequestID has {REQUEST_ID_LENGTHS[0]} to {REQUEST_ID_LENGTHS[-1]} characters")
    since = tx.now() - REMEMBERED
    known = answered_requests.find(tx, caller.person, request_id, since=since)
    if known is None:
        answer = act()
        answered_requests.remember(tx, caller.person, request_id, digest=digest, answer=answer, since=since)
        return answer
    first_digest, first_answer = known
    if first_digest != digest:
        raise InvalidRequest("This RequestID was used for another request within a day")
    return first_answer


def forget_old(tx: Transaction) -> int:
    """Forget the answers of all tenancies that are too old to be given again; say how many."""
    return answered_requests.forget(tx, until=tx.now() - REMEMBERED)
