"""Two tenancies that look alike see and change nothing of each other; with a condition left out they would."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from soapsvc import storage
from soapsvc.domain.errors import WorkItemServiceError
from soapsvc.storage.statements import Statement
from tests.support.statements import FACTORIES, every_statement, spoilt, spoilt_altogether
from tests.support.two_tenancies import play

STATEMENTS = every_statement()
CONDITIONS = {
    name: [table for table, _ in spoilt(statement.construct)] for name, statement in STATEMENTS.items()
}  # fmt: skip
VIEWS_AND_SHARES = ["list_view", "list_view_share", "locker", "membership", "owner", "privilege_holding", "shown"]
DOUBLY_HELD = {
    "deliveries._ATTEMPTS_OF_VERSION": ["delivery", "delivery_attempt"],
    "history._ROWS": ["entity"],
    "list_marks._PLACES": ["history", "holder", "offer"],
    "list_views._EDITABLE": [
        "list_view",
        "list_view_share",
        "locker",
        "membership",
        "owner",
        "privilege_holding",
        "shown",
    ],
    "list_views._FIND": ["list_view", "locker", "owner", "shown"],
    "list_views._PUBLIC": ["list_view", "locker", "owner", "shown"],
    "list_views._SHARES": ["entity", "list_view_share"],
    "list_views._USED": VIEWS_AND_SHARES,
    "operations._BY_ID": ["entity", "version_operation"],
    "organisation._EVERY_GRANT_OF_PRIVILEGES": ["action_grant", "entity"],
    "people._ACCOUNT": ["account", "entity"],
    "people._GRANTS": ["scope"],
    "people._PEOPLE": ["account", "entity"],
    "principals._ALL": ["account", "entity", "service_principal"],
    "principals._BY_ID": ["account", "entity", "service_principal"],
    "principals._BY_NAME": ["account", "entity", "service_principal"],
    "recoverable_secrets._FIND": ["account", "entity", "recoverable_secret"],
    "sessions._BY_GUID": ["entity", "version_session"],
    "sessions._OF_ITEM": ["entity", "version_session"],
    "standing._UNITS_OF": ["membership"],
    "standing._UNITS_OF_ITEM": ["membership", "offer"],
    "work_items._DUE": ["entity"],
    "work_items._ITEMS": ["entity"],
    "work_items._ITEM_BY_ID": ["entity"],
    "work_items._OFFER_SET": ["entity", "offer"],
    "work_lists._any_statement": ["work_item"],
    "work_lists._count_statement": ["offer", "work_item"],
    "work_lists._next_statement": ["list_entry", "work_item"],
    "work_lists._page_statement": ["entity", "list_entry", "other", "work_item"],
    "work_lists._walk_statement": ["entity", "list_entry", "other", "work_item"],
}
"""Tables that are joined by an id: if one condition were lost, the other would still make sure of both."""
ONLY_LOCKS = {"locks._ITEM", "locks._ENTITY"}
"""What shows nothing and changes nothing, and runs on PostgreSQL only."""
HARM = (AssertionError, WorkItemServiceError, ValueError)
Spoil = Callable[[Any], Any]


@pytest.fixture
def harm(database_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Spoil], bool]:
    """Say whether two tenancies come to harm if a statement is spoilt."""

    def comes_of(name: str, spoil: Spoil) -> bool:
        if name in FACTORIES:
            module, function = getattr(storage, name.partition(".")[0]), name.partition(".")[2]
            make = getattr(module, function)
            monkeypatch.setattr(module, function, lambda *arguments: _spoilt(make(*arguments), spoil))
        else:
            monkeypatch.setattr(STATEMENTS[name], "construct", spoil(STATEMENTS[name].construct))
            monkeypatch.setattr(STATEMENTS[name], "_compiled", {})
        try:
            play(database_url)
        except HARM:
            return True
        return False

    return comes_of


def _spoilt(statement: Statement, spoil: Spoil) -> Statement:
    """Spoil what a factory made, if it has what is to be spoilt: it may be made for other arguments."""
    try:
        return Statement(spoil(statement.construct))
    except KeyError:
        return statement


def test_two_tenancies_see_and_change_nothing_of_each_other(database_url: sa.URL) -> None:
    play(database_url)


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("name", [name for name, tables in CONDITIONS.items() if tables and name not in ONLY_LOCKS])
def test_without_its_conditions_a_statement_would_do_harm(name: str, harm: Callable[[str, Spoil], bool]) -> None:
    assert harm(name, spoilt_altogether)


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    ("name", "table"),
    [(name, table) for name, tables in CONDITIONS.items() if len(tables) > 1 for table in tables],
)
def test_of_two_conditions_each_would_be_missed_unless_the_other_holds_both(
    name: str, table: str, harm: Callable[[str, Spoil], bool]
) -> None:
    assert harm(name, lambda construct: dict(spoilt(construct))[table]) == (table not in DOUBLY_HELD.get(name, []))
