"""The state table, written out from the contract: every action in every state, and where it leads."""

import pytest

from soapsvc.domain.states import FIRST_STATES, INVISIBLE, TRANSITIONS, Action, State, is_legal

SHORT = {
    "Cr": State.CREATED,
    "Of": State.OFFERED,
    "Al": State.ALLOCATED,
    "Op": State.OPENED,
    "Pe": State.PENDED,
    "Hi": State.PENDHIDDEN,
    "Su": State.SUSPENDED,
    "Co": State.COMPLETED,
    "Ca": State.CANCELLED,
}

# A cell lists the states that the action may lead to from the column's state; "-" is illegal.
TABLE = """
                             Cr     Of  Al     Op        Pe     Hi        Su                 Co  Ca
enableWorkItem               Of|Al  -   -      -         -      -         -                  -   -
allocateWorkItem             -      Al  -      -         -      -         -                  -   -
allocateAndOpenWorkItem      -      Op  -      -         -      -         -                  -   -
allocateAndOpenNextWorkItem  -      Op  -      -         -      -         -                  -   -
openWorkItem                 -      -   Op     -         Op     -         -                  -   -
closeWorkItem                -      -   -      Of|Pe|Hi  -      -         Su                 -   Ca
saveOpenWorkItem             -      -   -      Op        -      -         Su                 -   -
completeWorkItem             -      -   -      Co        -      -         Co                 -   -
skipWorkItem                 -      -   Co     -         -      -         -                  -   -
unallocateWorkItem           -      -   Of     -         Of     -         -                  -   -
reallocateWorkItem           -      Al  Al     Al        Al     -         -                  -   -
reallocateWorkItemData       -      Al  Al     Al        Al     -         -                  -   -
pendWorkItem                 -      -   Hi|Al  -         Hi|Pe  Hi|Al|Pe  -                  -   -
reappear                     -      -   -      -         -      Al|Pe     -                  -   -
suspendWorkItem              Su     Su  Su     Su        Su     Su        -                  -   -
resumeWorkItem               -      -   -      -         -      -         Cr|Of|Al|Op|Pe|Hi  -   -
cancelWorkItem               Ca     Ca  Ca     Ca        Ca     Ca        Ca                 -   -
setWorkItemPriority          Cr     Of  Al     -         Pe     Hi        Su                 -   Ca
rescheduleWorkItem           Cr     Of  Al     Op        Pe     Hi        Su                 -   Ca
restartVersion               -      -   -      Op        -      -         -                  -   -
reopenWorkItem               -      -   -      -         -      -         -                  Op  -
changeAnswers                -      Of  Al     -         Pe     Hi        -                  Co  -
"""


def cells() -> list[tuple[Action, State, frozenset[State]]]:
    header, *rows = [line.split() for line in TABLE.strip().splitlines()]
    return [
        (Action(action), SHORT[state], frozenset(SHORT[one] for one in cell.split("|") if cell != "-"))
        for action, *row in rows
        for state, cell in zip(header, row, strict=True)
    ]


@pytest.mark.parametrize(("action", "state", "targets"), cells())
def test_an_action_is_legal_where_the_contract_says_and_leads_there(action, state, targets):
    assert is_legal(action, state) is bool(targets)
    assert TRANSITIONS[action].get(state, frozenset()) == targets


def test_the_table_speaks_of_every_action_in_every_state():
    spoken_of = {(action, state) for action, state, _ in cells()}

    assert spoken_of == {(action, state) for action in Action if action is not Action.SCHEDULE for state in State}
    assert set(TRANSITIONS) <= {action for action, _ in spoken_of} | {Action.SCHEDULE}


def test_scheduling_is_legal_in_no_state_because_it_makes_the_item():
    assert not any(is_legal(Action.SCHEDULE, state) for state in State)


OF_VERSIONS = {Action.RESTART, Action.REOPEN, Action.CHANGE_ANSWERS}


def test_completed_is_final_but_for_versions():
    assert not any(
        targets for action, state, targets in cells() if state is State.COMPLETED and action not in OF_VERSIONS
    )
    assert not any(State.COMPLETED in sources for action, sources in TRANSITIONS.items() if action not in OF_VERSIONS)


def test_an_item_starts_created_offered_or_allocated():
    assert {State.CREATED, State.OFFERED, State.ALLOCATED} == FIRST_STATES


def test_hidden_suspended_cancelled_and_not_yet_enabled_items_are_not_seen():
    assert {State.CREATED, State.PENDHIDDEN, State.SUSPENDED, State.CANCELLED} == INVISIBLE


def test_states_and_actions_carry_the_names_of_the_contract():
    assert [str(state) for state in State] == [
        "CREATED",
        "OFFERED",
        "ALLOCATED",
        "OPENED",
        "PENDED",
        "PENDHIDDEN",
        "SUSPENDED",
        "COMPLETED",
        "CANCELLED",
    ]
    assert {action for action in Action if not action.endswith("WorkItem")} == {
        "setWorkItemPriority",
        "reallocateWorkItemData",
        "reappear",
        "restartVersion",
        "changeAnswers",
    }
