"""What the use cases' tests need beside items and people: to put an item anywhere, and to see all that is stored."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.list_view import Criteria, Shows
from soapsvc.domain.states import State
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.storage import history, people
from soapsvc.storage.database import Database
from soapsvc.storage.tables import entity, metadata, version_session, work_item
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import organisation, scheduling, work_lists
from soapsvc.usecases.work_lists import DEFAULT_LIMITS, MINE, Whose
from tests.conftest import FIELDS
from tests.support.listing import EVERYTHING, MODEL


@pytest.fixture
def put(write):
    """Put an item into a state by force, at the version that it has: no use case leads there yet."""

    def by_force(item_id: int, state: State, **columns: object) -> None:
        change = sa.update(work_item).where(work_item.c.id == item_id).values(state=state, **columns)
        write(lambda tx: tx.connection.execute(change))

    return by_force


@pytest.fixture
def limit_open_items(write):
    def limit(person, most: int) -> None:
        change = sa.update(entity).where(entity.c.id == person.id).values(max_open_items=most)
        write(lambda tx: tx.connection.execute(change))

    return limit


@pytest.fixture
def grant(write):
    def to(person, *actions: SystemAction) -> None:
        for action in actions:
            write(lambda tx, one=action: people.grant(tx, person, one))

    return to


@pytest.fixture
def history_of(database):
    return lambda item_id: database.read(lambda tx: history.of(tx, item_id)).result(10)


@pytest.fixture
def sessions_of(database):
    """The version sessions of an item, in the order in which they began."""
    rows = sa.select(version_session).order_by(version_session.c.opened_version)

    def of(item_id: int):
        query = rows.where(version_session.c.work_item_id == item_id)
        return database.read(lambda tx: tx.connection.execute(query).all()).result(10)

    return of


@pytest.fixture
def everything(whole_database: Database) -> Callable[[], list[str]]:
    """All that is committed, as text: two calls give the same if nothing was written between them."""

    def rows(tx: Transaction) -> list[str]:
        # In SQL: SQLAlchemy would compile it anew for each test.
        return sorted(
            f"{name}: {row}"
            for name in metadata.tables
            for row in tx.connection.exec_driver_sql(f"SELECT * FROM {name}")  # noqa: S608
        )

    return lambda: whole_database.read(rows).result(10)


@pytest.fixture
def company(write):
    """Put ana and ben into an organisation."""
    write(lambda tx: organisation.load(tx, MODEL))


@pytest.fixture
def make(write):
    def item(*offered_to: str, **properties: object) -> int:
        new = NewWorkItem(**({"name": "Review claim"} | properties))
        return write(lambda tx: scheduling.create_item(tx, new, FIELDS, offered_to or ("ana",))).id

    return item


@pytest.fixture
def listed(database, cast):
    """Read a list as the supervisor, who may see all of them, or as somebody else."""

    def read(
        whose: Whose | str = MINE, *, as_: str = "supervisor", limits=DEFAULT_LIMITS, paging=EVERYTHING, **criteria
    ):
        asked = Whose(shows=Shows.ENTITY, guid=whose) if isinstance(whose, str) else whose
        unit = lambda tx: work_lists.list_items(  # noqa: E731
            tx, cast.caller(as_), asked, Criteria(**criteria), paging, limits=limits
        )
        return database.read(unit).result(10)

    return read


@pytest.fixture
def put_session(write):
    """Change a version session by force."""

    def by_force(guid: str, **columns: object) -> None:
        change = sa.update(version_session).where(version_session.c.guid == guid).values(**columns)
        write(lambda tx: tx.connection.execute(change))

    return by_force


@pytest.fixture
def put_answers(put_session):
    return lambda guid, text: put_session(guid, answers=text)
