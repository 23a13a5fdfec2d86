"""Requests with an Idempotency-Key: sent again, they are answered again, and done once.

A request that is done in one transaction is answered by `answer_once`. One that waits for work in the background is
begun in the transaction that accepts it, and its answer is kept when there is one; should its process end before, the
key is free again after a while, for what it accepted recognises its own repeats.
"""

from collections.abc import Callable
from datetime import timedelta

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import InvalidRequest
from soapsvc.domain.version_errors import IdempotencyKeyInUse, IdempotencyKeyReused
from soapsvc.storage import idempotent_requests
from soapsvc.storage.idempotent_requests import StoredAnswer
from soapsvc.storage.transaction import Transaction

REMEMBERED = timedelta(days=1)
RUNNING_AT_MOST = timedelta(minutes=2)
KEY_LENGTHS = range(1, 256)


def begin(tx: Transaction, caller: Caller, key: str, digest: str) -> StoredAnswer | None:
    """Give the stored answer of a caller's request of this key; with None it is to be done now, and is at work since.

    `digest` stands for what the request says. Raises IdempotencyKeyReused, IdempotencyKeyInUse, InvalidRequest.
    """
    if len(key) not in KEY_LENGTHS or not key.isprintable():
        raise InvalidRequest(f"An Idempotency-Key has {KEY_LENGTHS[0]} to {KEY_LENGTHS[-1]} characters of print")
    known = idempotent_requests.find(tx, caller.person, key)
    if known is not None and known.at > tx.now() - REMEMBERED:
        if known.digest != digest:
            raise IdempotencyKeyReused
        if known.answer is not None:
            return known.answer
        if known.running_until is not None and known.running_until > tx.now():
            raise IdempotencyKeyInUse
    until = tx.now() + RUNNING_AT_MOST
    idempotent_requests.put(tx, caller.person, key, digest=digest, running_until=until)
    return None


def finish(tx: Transaction, caller: Caller, key: str, digest: str, answer: StoredAnswer) -> None:
    """Keep the answer to a request that was begun."""
    idempotent_requests.put(tx, caller.person, key, digest=digest, answer=answer)


def forget(tx: Transaction, caller: Caller, key: str) -> None:
    """Forget a request that was begun and changed nothing: it may be tried again."""
    idempotent_requests.forget_one(tx, caller.person, key)


def answer_once(
    tx: Transaction, caller: Caller, key: str, digest: str, act: Callable[[], StoredAnswer]
) -> StoredAnswer:
    """Give the stored answer, or act and keep the answer, in one transaction. Raises what `begin` and `act` raise."""
    known = begin(tx, caller, key, digest)
    if known is not None:
        return known
    answer = act()
    finish(tx, caller, key, digest, answer)
    return answer


def forget_old(tx: Transaction) -> int:
    """Forget the requests of all tenancies that are too old to be answered again; say how many."""
    return idempotent_requests.forget(tx, until=tx.now() - REMEMBERED)
