"""The page about version sessions shows the states that the code goes by, all of them and nothing else."""

import re

from soapsvc.domain.version_session import (
    ANSWERABLE,
    FAILED,
    OPEN,
    RUNNING,
    STARTED,
    SUCCEEDED,
    TRANSITIONS,
    OperationKind,
    SessionState,
)
from soapsvc.settings import PUBLISHED
from tests.architecture import pages

PAGE = pages.page("docs/version-sessions.md")
STATES = pages.section(PAGE, "## The states of a session")
OVER_SOAP = {(before, after) for before in OPEN for after in SUCCEEDED.values()}


def _states(text: str) -> set[SessionState]:
    return set(map(SessionState, re.findall(r"`([^`]+)`", text)))


def test_the_table_is_the_one_that_the_code_goes_by() -> None:
    table = {SessionState(row[0].strip("`")): _states(row[3]) for row in pages.rows(STATES)}
    assert table == TRANSITIONS


def test_the_picture_shows_what_the_operations_do_and_nothing_that_is_not_so() -> None:
    names = {state.replace(" ", ""): state for state in SessionState}
    drawn = {(names[start], names[end]) for start, end, _ in pages.edges(STATES) if "[*]" not in (start, end)}
    possible = {(before, after) for before, afters in TRANSITIONS.items() for after in afters}
    assert drawn <= possible
    not_drawn = possible - drawn - OVER_SOAP
    assert {after for _, after in not_drawn} <= {SessionState.ABANDONED, SessionState.IN_PROGRESS, *STARTED.values()}


def test_the_states_of_an_operation_follow_each_other() -> None:
    for kind in OperationKind:
        assert STARTED[kind] in RUNNING
        assert {SUCCEEDED[kind], FAILED[kind]} <= TRANSITIONS[STARTED[kind]]
        assert FAILED[kind] in OPEN
        assert all(STARTED[kind] in TRANSITIONS[state] for state in OPEN)
    assert not OPEN & RUNNING
    assert not ANSWERABLE & RUNNING
    assert set(SessionState) == set(TRANSITIONS)


def test_the_page_of_settings_names_the_published_ones() -> None:
    settings = pages.section(pages.page("docs/running.md"), "## Settings")
    for published in PUBLISHED:
        if "Closs" not in published:
            assert f"`{published}`" in settings
