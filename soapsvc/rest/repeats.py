"""Requests with an Idempotency-Key: sent again they get the answer that is kept, and do nothing more."""

import hashlib
import logging
from functools import partial

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import StorageUnavailable
from soapsvc.exchange import Request
from soapsvc.rest.operations import Answer
from soapsvc.storage.database import InTenancy
from soapsvc.storage.idempotent_requests import StoredAnswer
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import idempotency
from soapsvc.usecases.callback_targets import CallbackSecrets

_log = logging.getLogger(__name__)


class Repeated(Exception):
    """A request was answered before, and the answer was kept."""

    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__()
        self.answer = answered_again(answer)


class Once:
    """A request of a key: done in one transaction, or begun in one and answered later."""

    def __init__(self, caller: Caller, key: str, digest: str) -> None:
        self._caller = caller
        self._key = key
        self._digest = digest
        self._is_begun = False

    def answered(self, tx: Transaction, answer: Answer) -> Answer:
        """Keep the answer, in the transaction that did what it says."""
        idempotency.finish(tx, self._caller, self._key, self._digest, _kept(answer))
        return answer

    def begin(self, tx: Transaction) -> None:
        """Begin, as part of a transaction. Raises Repeated, and what idempotency.begin raises."""
        known = idempotency.begin(tx, self._caller, self._key, self._digest)
        if known is not None:
            raise Repeated(known)
        tx.after_commit(self._note)

    async def finish(self, database: InTenancy, answer: Answer) -> Answer:
        """Keep the answer to what was begun."""
        if self._is_begun:
            try:
                await database.written(partial(self.answered, answer=answer))
            except StorageUnavailable:  # what was asked for was accepted all the same, and that is what is told
                _log.warning("an answer could not be kept for its Idempotency-Key", exc_info=True)
        return answer

    def give_up(self, database: InTenancy) -> None:
        """Let the key be free again, without waiting for it: what was begun has no answer that could be kept."""
        if self._is_begun:
            database.write(lambda tx: idempotency.forget(tx, self._caller, self._key))

    def _note(self) -> None:
        self._is_begun = True


def digest_of(request: Request, body: bytes, secrets: CallbackSecrets) -> str:
    """Give what tells a request from another, and says nothing of a secret that is in it."""
    said = f"{request.method} {request.path.lower()}?{request.query}"
    return secrets.fingerprint(said, hashlib.sha256(body).hexdigest())


def answered_again(answer: StoredAnswer) -> Answer:
    """Give an answer that was kept."""
    headers = dict(answer.headers)
    return Answer(status=answer.status, body=answer.body, media_type=headers.pop("content-type"), headers=headers)


def _kept(answer: Answer) -> StoredAnswer:
    headers = {**answer.headers, "content-type": answer.media_type}
    return StoredAnswer(status=answer.status, headers=headers, body=answer.body)
