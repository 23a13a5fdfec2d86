"""Statements that are compiled once: what goes in and comes out, what is refused, and for which databases."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite

from soapsvc.storage.database import open_database
from soapsvc.storage.statements import Statement, _Compiled
from soapsvc.storage.tables import TENANCY, Moment
from tests.conftest import KINDS
from tests.storage.units import DEADLINE
from tests.support.driver import watching
from tests.support.statements import every_statement

SOON = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=UTC)
OWN_TABLES = sa.MetaData()
thing = sa.Table(
    "thing",
    OWN_TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("number", sa.BigInteger),
    sa.Column("at", Moment),
    sa.Column("good", sa.Boolean),
    sa.Column("content", sa.LargeBinary),
)
OTHERS = {"number": None, "at": None, "good": None, "content": None}

ADD = Statement(sa.insert(thing))
ADD_UNNUMBERED = Statement(
    sa.insert(thing).values(name=sa.bindparam("name")).returning(thing.c.id, thing.c.at, thing.c.name)
)
ALL = Statement(sa.select(thing).order_by(thing.c.id))
BY_ID = Statement(sa.select(thing).where(thing.c.id == sa.bindparam("id")))
SET_NAME = Statement(
    sa.update(thing).where(thing.c.id == sa.bindparam("at_id")).values(name=sa.bindparam("new_name"), good=True)
)


@pytest.fixture(scope="module", params=KINDS)
def store(request, tmp_path_factory):
    """A database with a table of the tests' own."""
    if request.param == "sqlite":
        url = sa.URL.create("sqlite", database=str(tmp_path_factory.mktemp("statements") / "things.db"))
    else:
        url = request.getfixturevalue("postgresql").make()
    database = open_database(url)
    database.write(lambda tx: OWN_TABLES.create_all(tx.connection)).result(DEADLINE)
    yield database
    database.close()


class Undone(Exception):
    """Takes back what a test wrote."""


@pytest.fixture(scope="module")
def trying(store):
    """Give what a unit gives, and leave nothing of it behind."""

    def run(unit):
        came_to = []

        def taken_back(tx):
            came_to.append(unit(tx))
            raise Undone

        with pytest.raises(Undone):
            store.write(taken_back).result(DEADLINE)
        return came_to[0]

    return run


def things(tx, *names: str) -> None:
    ADD.change_each(tx, [{"id": number, "name": name, **OTHERS} for number, name in enumerate(names, 1)])


# What goes in and comes out


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    number=st.none() | st.integers(-(2**63), 2**63 - 1),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
    good=st.none() | st.booleans(),
    content=st.none() | st.binary(),
)
@example(name="", number=0, at=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), good=False, content=b"")
def test_what_is_written_is_read_as_it_was_and_as_sqlalchemy_itself_reads_it(trying, name, number, at, good, content):
    given_values = {"id": 1, "name": name, "number": number, "at": at, "good": good, "content": content}

    def unit(tx):
        ADD.change(tx, **given_values)
        return BY_ID.row(tx, id=1), tx.connection.execute(sa.select(thing)).one()

    ours, sqlalchemys = trying(unit)

    assert ours._asdict() == given_values
    assert [type(value) for value in ours] == [type(value) for value in sqlalchemys]  # a Boolean is no 0 or 1
    assert tuple(ours) == tuple(sqlalchemys)


def test_the_database_itself_holds_moments_as_numbers_and_booleans_as_0_or_1(trying):
    def unit(tx):
        ADD.change(tx, id=1, name="a", number=None, at=SOON, good=True, content=None)
        return tx.driver.execute("SELECT at, good, number FROM thing").fetchone()

    assert trying(unit) == ((SOON - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), 1, None)


def test_a_parameter_that_is_compared_is_converted_like_one_that_is_stored(trying):
    since = Statement(sa.select(thing.c.id).where(thing.c.at > sa.bindparam("since", type_=Moment)))

    def unit(tx):
        ADD.change(tx, id=1, name="a", **OTHERS | {"at": SOON})
        return [since.value(tx, since=SOON + timedelta(microseconds=late)) for late in (-1, 0)]

    assert trying(unit) == [1, None]


def test_values_that_stand_in_the_statement_need_not_be_given(trying):
    named_b = Statement(sa.select(thing.c.id).where(thing.c.name == "b", thing.c.id > sa.bindparam("above")).limit(1))

    def unit(tx):
        things(tx, "a", "b", "b")
        return [[row.id for row in named_b.rows(tx, above=above)] for above in (0, 2, 3)]

    assert trying(unit) == [[2], [3], []]


def test_a_value_of_the_statement_is_converted_too(trying):
    set_at = Statement(sa.update(thing).values(at=SOON, good=False))

    def unit(tx):
        things(tx, "a")
        set_at.change(tx)
        return BY_ID.row(tx, id=1)

    row = trying(unit)

    assert (row.at, row.good) == (SOON, False)


# Rows


def test_all_rows_come_in_their_order_with_their_columns_names(trying):
    def unit(tx):
        things(tx, "b", "a")
        return ALL.rows(tx)

    rows = trying(unit)

    assert [(row.id, row.name, row.at) for row in rows] == [(1, "b", None), (2, "a", None)]
    assert rows[0]._fields == ("id", "name", "number", "at", "good", "content")


def test_where_there_is_nothing_there_is_no_row_and_no_value(trying):
    assert trying(lambda tx: (ALL.rows(tx), BY_ID.row(tx, id=1), BY_ID.value(tx, id=1))) == ([], None, None)


def test_the_value_is_the_first_rows_first(trying):
    def unit(tx):
        things(tx, "a", "b")
        return ALL.value(tx)

    assert trying(unit) == 1


def test_columns_go_by_their_labels(trying):
    counted = Statement(sa.select(sa.func.count().label("count"), sa.func.max(thing.c.at).label("last")))

    def unit(tx):
        ADD.change(tx, id=1, name="a", **OTHERS | {"at": SOON})
        return counted.row(tx)

    row = trying(unit)

    assert row._asdict() == {"count": 1, "last": SOON}


def test_an_insert_gives_what_it_returns(trying):
    def unit(tx):
        rows = [ADD_UNNUMBERED.row(tx, name=name) for name in ("a", "b")]
        return rows, ADD_UNNUMBERED.value(tx, name="c"), ALL.rows(tx)

    (first, second), third, stored = trying(unit)

    assert first._asdict() == {"id": 1, "at": None, "name": "a"}
    assert (second.id, second.name, third) == (2, "b", 3)
    assert [row.name for row in stored] == ["a", "b", "c"]


def test_what_an_insert_returned_is_committed(store):
    """A statement of which a row were still to be fetched would hinder the COMMIT."""
    identity = store.write(lambda tx: ADD_UNNUMBERED.value(tx, name="kept")).result(DEADLINE)

    assert store.read(lambda tx: BY_ID.row(tx, id=identity).name).result(DEADLINE) == "kept"
    store.write(lambda tx: tx.driver.execute("DELETE FROM thing")).result(DEADLINE)


# Changes


@pytest.mark.parametrize(("at", "touched"), [(1, 1), (9, 0)])
def test_a_change_says_how_many_rows_it_touched(trying, at, touched):
    def unit(tx):
        things(tx, "a", "b")
        return SET_NAME.change(tx, at_id=at, new_name="c")

    assert trying(unit) == touched


@pytest.mark.parametrize(
    ("ids", "touched"),
    [([], 0), ([1], 1), ([9], 0), ([1, 2], 2), ([1, 9], 1), ([9, 1, 2, 3], 3), ([8, 9], 0), ([1, 1], 2)],
)
def test_a_change_with_each_of_many_touches_them_and_says_how_many_together(trying, ids, touched):
    def unit(tx):
        things(tx, "a", "b", "c")
        count = SET_NAME.change_each(tx, [{"at_id": at, "new_name": f"new {at}"} for at in ids])
        return count, {row.id: (row.name, row.good) for row in ALL.rows(tx)}

    old = {1: ("a", None), 2: ("b", None), 3: ("c", None)}

    assert trying(unit) == (touched, old | {at: (f"new {at}", True) for at in ids if at in old})


def test_a_change_with_each_converts_every_value(trying):
    moments = [SOON + timedelta(days=day) for day in range(3)]

    def unit(tx):
        ADD.change_each(tx, [{"id": n, "name": "a", **OTHERS, "at": at} for n, at in enumerate(moments)])
        return [row.at for row in ALL.rows(tx)]

    assert trying(unit) == moments


# What is refused


@pytest.mark.parametrize("missing", ["id", "name", "number", "at", "good", "content"])
@pytest.mark.parametrize("many", [1, 2])
def test_a_parameter_that_is_not_given_is_an_error_and_no_null(trying, missing, many):
    every = [{"id": number, "name": "a", **OTHERS} for number in range(many)]
    del every[-1][missing]

    def unit(tx):
        with pytest.raises(KeyError, match=missing):
            ADD.change_each(tx, every)
        return ALL.rows(tx)

    assert trying(unit) == []


def test_a_parameter_of_a_condition_that_is_not_given_is_an_error(trying):
    def unit(tx):
        for ask in (BY_ID.row, BY_ID.rows, BY_ID.value):
            with pytest.raises(KeyError, match="id"):
                ask(tx)

    trying(unit)


SECRET = "a value that no log may show"


@pytest.mark.parametrize(
    ("names", "refusal"),
    [
        ([(1, SECRET)], sa.exc.IntegrityError),  # the id is taken
        ([(2, SECRET), (2, SECRET)], sa.exc.IntegrityError),
        ([(2, None)], sa.exc.IntegrityError),
        ([(SECRET, SECRET)], sa.exc.DBAPIError),  # no number
        ([(2, {SECRET})], sa.exc.DBAPIError),  # of a type that the driver does not know
        ([(2, "a"), (3, {SECRET})], sa.exc.DBAPIError),
    ],
)
def test_what_the_driver_refuses_is_raised_as_by_sqlalchemy_and_without_the_values(trying, names, refusal):
    def unit(tx):
        things(tx, "a")
        with pytest.raises(refusal) as refused:
            ADD.change_each(tx, [{"id": number, "name": name, **OTHERS} for number, name in names])
        return refused.value

    error = trying(unit)

    assert isinstance(error, sa.exc.DBAPIError)
    assert "INSERT INTO thing" in str(error)
    assert SECRET not in f"{error} {error!r} {error.params}"
    assert isinstance(error.orig, Exception)


def test_what_the_driver_refuses_only_at_a_later_row_is_raised_as_by_sqlalchemy_too(trying):
    """SQLite computes a row when it is fetched: the smallest number has no absolute value."""
    absolute = Statement(sa.select(sa.func.abs(thing.c.number).label("absolute")).order_by(thing.c.id))

    def unit(tx):
        numbers = (-1, -2, -(2**63))
        ADD.change_each(tx, [{"id": n, "name": "a", **OTHERS, "number": number} for n, number in enumerate(numbers)])
        with pytest.raises(sa.exc.DBAPIError) as refused:
            absolute.rows(tx)
        return refused.value

    error = str(trying(unit))
    assert "overflow" in error or "NumericValueOutOfRange" in error


# Tenancies


OF_TENANCY = Statement(sa.select(thing.c.id).where(thing.c.number == TENANCY))


def test_a_statement_on_a_tenancys_rows_takes_it_from_the_transaction_and_from_nobody_else(trying):
    def unit(tx):
        ADD.change_each(tx, [{"id": n, "name": "a", **OTHERS, "number": n} for n in (1, 2)])
        tx.tenancy = 2
        return OF_TENANCY.value(tx), OF_TENANCY.value(tx, tenancy=1)

    assert trying(unit) == (2, 2)


def test_a_statement_on_a_tenancys_rows_is_refused_where_there_is_none(trying):
    def unit(tx):
        for given_values in ({}, {"tenancy": 1}):
            with pytest.raises(LookupError):
                OF_TENANCY.value(tx, **given_values)

    trying(unit)


# Compiled once


class Compilations:
    """Counts how often SQLAlchemy compiles a construct."""

    def __init__(self, monkeypatch) -> None:
        self.count = 0
        compile_ = sa.Select.compile

        def counted(construct, *arguments, **options):
            self.count += 1
            return compile_(construct, *arguments, **options)

        monkeypatch.setattr(sa.Select, "compile", counted)


def test_a_statement_is_compiled_once_whatever_transaction_runs_it(store, monkeypatch):
    compilations, ran = Compilations(monkeypatch), []
    statement = Statement(sa.select(thing.c.name).where(thing.c.id == sa.bindparam("id")))
    assert compilations.count == 0  # and not before it is wanted

    with watching(before=lambda _, sql: ran.append(sql) if "thing" in sql else None):
        for number in range(3):
            store.read(lambda tx, n=number: statement.row(tx, id=n)).result(DEADLINE)
            store.write(lambda tx, n=number: statement.rows(tx, id=n)).result(DEADLINE)

    assert compilations.count == 1
    assert len(ran) == 6
    assert all(sql is ran[0] for sql in ran)  # the driver keeps what it prepared by this very text


# For which databases

STATEMENTS = every_statement()
DIALECTS = {"sqlite": pysqlite.dialect(), "postgresql": psycopg.dialect(paramstyle="format")}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_every_statement_of_the_store_can_be_compiled_for(statement, dialect):
    compiled = statement.construct.compile(dialect=dialect)

    _Compiled(statement.construct, dialect)  # columns have names that a tuple can have, and types with conversions
    # Each parameter has its one place in the text, in their order: what SQLAlchemy would fill in only when it runs a
    # statement itself (lists, literals) would stay unfilled.
    assert "POSTCOMPILE" not in str(compiled)
    assert not compiled.post_compile_params | compiled.literal_execute_params
    assert str(compiled).count("?" if dialect.paramstyle == "qmark" else "%s") == len(compiled.positiontup)


def test_the_statements_of_the_store_are_found():
    assert len(STATEMENTS) > 30
    assert {"work_items._ITEM_BY_ID", "history._INSERT", "people._ACCOUNT"} <= STATEMENTS.keys()
