"""Documents that are added to a version in post-processing: where they stand, who may, when, and what comes between."""

from contextlib import ExitStack
from typing import Any

import pytest

from soapsvc.domain.caller import Caller
from soapsvc.domain.document import MOST_DOCUMENTS, NewDocument
from soapsvc.domain.errors import InvalidRequest, NotAllowed, StaleVersion, WrongState
from soapsvc.domain.version_errors import DocumentLimitReached, UnknownVersion
from soapsvc.domain.version_session import OperationKind, SessionState
from soapsvc.storage import documents
from soapsvc.usecases import versions
from soapsvc.usecases.versions import Target
from tests.support.databases import run_by_hand, wait_until, waits_for_a_lock
from tests.support.driver import watching
from tests.support.versions import Versions

MOST_BYTES = 1_000
ENDED = "UPDATE version_session SET state = 'Completed' WHERE guid = :guid"
TAKEN_OVER = "UPDATE version_session SET operation_id = 'another' WHERE guid = :guid"


def new(name: str, size: int = 3) -> NewDocument:
    return NewDocument(name=name, media_type="text/plain", content=b"x" * size)


@pytest.fixture
def ana(database, cast) -> Versions:
    return Versions(database, cast.caller("ana"))


@pytest.fixture
def target(ana, put_session) -> Target:
    """A version in post-processing, with two documents."""
    target = ana.open()
    ana.accept(target, ana.request(OperationKind.COMPLETE))
    put_session(target.session, state=SessionState.POST_PROCESSING)
    ana.write(lambda tx: documents.replace(tx, target.session, [new("a"), new("b")]))
    return target


def add(ana: Versions, target: Target, document: NewDocument, place: int | None = None, most: int = MOST_BYTES) -> Any:
    return ana.write(lambda tx: versions.add_document(tx, ana.caller, target, document, place, most_bytes=most))


def listed(ana: Versions, target: Target) -> list[tuple[int, str]]:
    found = ana.database.read(lambda tx: documents.of_session(tx, target.session)).result(10)
    return [(one.position, one.name) for one in found]


@pytest.mark.parametrize(
    ("place", "names"),
    [(0, "cab"), (1, "acb"), (2, "abc"), (None, "abc")],
    ids=["first", "between", "last", "no place"],
)
def test_a_document_takes_its_place_and_those_from_there_on_move(ana, target, history_of, place, names):
    item, added = add(ana, target, new("c"), place)
    assert listed(ana, target) == list(enumerate(names))
    assert (added.position, added.name, added.size, added.media_type) == (names.index("c"), "c", 3, "text/plain")
    found = ana.database.read(lambda tx: versions.read_document(tx, ana.caller, target, added.id)).result(10)
    assert found == (added, b"xxx")
    assert (item.version, ana.item(target).version, len(history_of(item.id))) == (1, 1, 2)
    assert ana.session(target).state is SessionState.POST_PROCESSING


@pytest.mark.parametrize("place", [-1, 3])
def test_there_is_no_place_beyond_the_end(ana, target, everything, place):
    before = everything()
    with pytest.raises(InvalidRequest, match="has 2 documents"):
        add(ana, target, new("c"), place)
    assert everything() == before


@pytest.mark.parametrize("state", [one for one in SessionState if one is not SessionState.POST_PROCESSING])
def test_documents_are_added_in_post_processing_only(ana, target, put_session, everything, state):
    put_session(target.session, state=state)
    before = everything()
    with pytest.raises(WrongState, match=f"{state}, and addDocument"):
        add(ana, target, new("c"))
    assert everything() == before


def test_who_may_not_complete_the_item_adds_nothing(ana, target, cast, everything):
    before = everything()
    with pytest.raises(NotAllowed):
        add(Versions(ana.database, cast.caller("ben")), target, new("c"))
    assert everything() == before


def test_a_version_of_the_item_that_is_named_must_be_the_stored_one(ana, target, cast):
    named = Target(item=target.item, session=target.session, version=0)
    with pytest.raises(StaleVersion):
        add(ana, named, new("c"))
    strict = Versions(ana.database, Caller(person=cast.ana, tenancy=1, must_supply_version=True))
    with pytest.raises(InvalidRequest, match="based on"):
        add(strict, target, new("c"))
    add(strict, Target(item=target.item, session=target.session, version=1), new("c"))


def test_a_version_that_there_is_not_gets_no_document(ana, target):
    with pytest.raises(UnknownVersion):
        add(ana, Target(item=target.item, session="unknown"), new("c"))


def test_the_documents_of_a_version_are_limited_in_bytes_and_in_number(ana, target):
    assert add(ana, target, new("c", 4), most=10)
    with pytest.raises(DocumentLimitReached, match="10 bytes"):
        add(ana, target, new("d", 1), most=10)
    made = [new(str(number), 0) for number in range(MOST_DOCUMENTS - 1)]
    ana.write(lambda tx: documents.replace(tx, target.session, made))
    add(ana, target, new("d"))
    with pytest.raises(DocumentLimitReached, match=f"{MOST_DOCUMENTS} files"):
        add(ana, target, new("e"))


@pytest.mark.parametrize(("change", "is_refused"), [(ENDED, True), (TAKEN_OVER, False)])
def test_what_ends_the_post_processing_after_the_look_at_it_is_seen(
    ana, target, kind, database_url, change, is_refused
):
    """On SQLite nobody can come between: there this connection makes the change, and again after the roll-back."""
    done: list[str] = []
    looks: list[str] = []

    def come_between(connection: Any) -> None:
        done.append(change)
        if kind == "sqlite":
            connection.execute(change, {"guid": target.session})
        else:
            run_by_hand(database_url, change, guid=target.session)

    def after(connection, statement):
        has_looked = statement.startswith("SELECT") and "FROM version_session JOIN" in statement
        looks.extend([statement] * has_looked)
        if (has_looked and not done) or (statement == "ROLLBACK TO unit" and kind == "sqlite" and len(done) == 1):
            come_between(connection)

    with ExitStack() as stack:
        stack.enter_context(watching(after=after))
        if is_refused:
            with pytest.raises(WrongState, match="Completed"):
                add(ana, target, new("c"))
        else:  # looked at again it is in post-processing, by the other operation
            add(ana, target, new("c"))
    assert len(looks) == 2
    assert len(listed(ana, target)) == (2 if is_refused else 3)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_who_would_end_the_post_processing_waits_until_a_document_is_added(kind, ana, target, database_url):
    others: list[Any] = []
    waited: list[bool] = []

    def before(_, statement):
        if statement.startswith("INSERT INTO document") and not others:
            others.append(ana.database.write(lambda tx: tx.connection.exec_driver_sql(by_hand)))
            wait_until(lambda: others[0].done() or waits_for_a_lock(database_url))
            waited.append(not others[0].done())

    by_hand = ENDED.replace(":guid", f"'{target.session}'")
    with watching(before=before):
        add(ana, target, new("c"))
    others[0].result(10)
    assert waited == [True]
    assert (len(listed(ana, target)), ana.session(target).state) == (3, SessionState.COMPLETED)
