"""A request that reaches two connections at once, as after a lost answer on another node, is done once."""

import pytest

from soapsvc.usecases import items, repeats
from soapsvc.usecases.access import ItemReference

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]


def test_a_request_that_another_connection_has_just_answered_is_not_done_again(database, cast, offered, stored):
    raised = items.PriorityChange(item=ItemReference(id=offered.id), offset=1)
    supervisor = cast.caller("supervisor")
    others_answers = []

    def request(tx, before_acting=lambda: None):
        def act() -> bytes:
            before_acting()
            (item,) = items.set_priorities(tx, supervisor, [raised])
            return b"version %d" % item.version

        return repeats.answer_once(tx, supervisor, "r1", "d", act)

    def let_another_be_first() -> None:
        if not others_answers:
            others_answers.append(database.write(request).result(10))

    answer = database.write(lambda tx: request(tx, let_another_be_first)).result(10)

    assert [answer, *others_answers] == [b"version 1"] * 2
    assert stored(offered.id).version == 1
