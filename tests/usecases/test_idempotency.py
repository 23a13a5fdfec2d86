"""Requests with an Idempotency-Key: one answer for one key and request, for a day."""

from datetime import timedelta

import pytest

from soapsvc.domain.errors import InvalidRequest, WrongState
from soapsvc.domain.version_errors import IdempotencyKeyInUse, IdempotencyKeyReused
from soapsvc.storage.idempotent_requests import StoredAnswer
from soapsvc.usecases import idempotency

ANSWER = StoredAnswer(status=201, headers={"Location": "/x"}, body=b'{"a": 1}')


@pytest.fixture
def ask(write, cast):
    """Begin, finish or forget a request of ana's, at so much later."""

    def act(function, *arguments, later=timedelta(0), who="ana"):
        def unit(tx):
            now = tx.now() + later
            tx.now = lambda: now
            return function(tx, cast.caller(who), *arguments)

        return write(unit)

    return act


def test_the_first_is_to_be_done_and_its_repeat_is_answered_as_it_was(ask):
    assert ask(idempotency.begin, "key", "digest") is None
    ask(idempotency.finish, "key", "digest", ANSWER)
    assert ask(idempotency.begin, "key", "digest") == ANSWER


def test_a_repeat_while_the_first_is_at_work_is_a_conflict(ask):
    ask(idempotency.begin, "key", "digest")
    with pytest.raises(IdempotencyKeyInUse):
        ask(idempotency.begin, "key", "digest")


@pytest.mark.parametrize("answered", [False, True])
def test_the_key_of_another_request_is_refused(ask, answered):
    ask(idempotency.begin, "key", "digest")
    if answered:
        ask(idempotency.finish, "key", "digest", ANSWER)
    with pytest.raises(IdempotencyKeyReused):
        ask(idempotency.begin, "key", "another digest")


def test_a_request_whose_process_died_may_be_begun_again_after_a_while(ask):
    ask(idempotency.begin, "key", "digest")
    assert ask(idempotency.begin, "key", "digest", later=timedelta(minutes=3)) is None
    with pytest.raises(IdempotencyKeyReused):
        ask(idempotency.begin, "key", "another digest", later=timedelta(minutes=4))


def test_a_key_is_free_again_after_a_day_and_swept(ask, write):
    ask(idempotency.begin, "key", "digest")
    ask(idempotency.finish, "key", "digest", ANSWER)
    day = timedelta(days=1, seconds=1)
    assert ask(lambda tx, _: idempotency.forget_old(tx)) == 0
    assert ask(idempotency.begin, "key", "another digest", later=day) is None
    assert ask(lambda tx, _: idempotency.forget_old(tx), later=2 * day) == 1


def test_keys_of_others_are_no_concern_of_ones_own(ask):
    ask(idempotency.begin, "key", "digest")
    assert ask(idempotency.begin, "key", "another digest", who="ben") is None


def test_what_failed_may_be_tried_again(ask):
    def fail():
        raise WrongState(1, state="OPENED", operation="x")

    with pytest.raises(WrongState):
        ask(idempotency.answer_once, "key", "digest", fail)
    assert ask(idempotency.answer_once, "key", "digest", lambda: ANSWER) == ANSWER
    assert ask(idempotency.answer_once, "key", "digest", fail) == ANSWER

    ask(idempotency.begin, "other key", "digest")
    ask(idempotency.forget, "other key")
    assert ask(idempotency.begin, "other key", "digest") is None


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
def test_a_key_that_is_none_is_refused(ask, key):
    with pytest.raises(InvalidRequest):
        ask(idempotency.begin, key, "digest")
