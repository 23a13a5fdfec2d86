"""No statement of the store reaches beyond its tenancy: all are inspected, and the inspection sees every omission."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from soapsvc import storage
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import TENANCY, entity, insert_into, membership, metadata, of_tenancy, offer, work_item
from tests.support.statements import (
    FACTORIES,
    every_statement,
    factories,
    sources_in_sql,
    spoilt,
    tables_in_sql,
    tables_inspected,
    unrestricted,
)

STATEMENTS = every_statement()
ACROSS = {
    "answered_requests._FORGET",
    "history._CHAINS",
    "list_marks._MORE_THAN_ANYWHERE",
    "list_marks._PLACES_ANYWHERE",
    "list_marks._ITEMS_ANYWHERE",
    "list_marks._HIGHEST",
    "token_keys._FORGET",
    "used_nonces._FORGET",
    "used_nonces._LATER",
    "deliveries._FORGET",
    "idempotent_requests._FORGET",
    "jobs._CLAIM",
    "jobs._EXTEND",
    "jobs._NEXT",
    "work_items._HIGHEST_ID",
    "work_items._DUE_ANYWHERE",
}
WITHOUT_TENANCY = {"schema_level", "tenancy"}
REFER_TO_NONE = {"audit", "list_entry"}
"""The log says the same when what it speaks of is gone; what stands in lists is written with each change of an item."""
SPOILT = {
    f"{name} {number}: {table}": (table, construct)
    for name, statement in STATEMENTS.items()
    for number, (table, construct) in enumerate(spoilt(statement.construct))
}
SOURCES = list(Path(storage.__path__[0]).glob("*.py"))


def test_every_table_says_whose_its_rows_are() -> None:
    assert {name for name, table in metadata.tables.items() if "tenancy_id" not in table.c} == WITHOUT_TENANCY
    for name in set(metadata.tables) - WITHOUT_TENANCY:
        column = metadata.tables[name].c.tenancy_id
        assert not column.nullable
        assert column.server_default is None  # who forgets it must fail, not write into the first tenancy
        refers_to = set() if name in REFER_TO_NONE else {"tenancy.id"}
        assert {key.target_fullname for key in column.foreign_keys} == refers_to


def test_no_statement_escapes_the_inspection() -> None:
    """Those that stand in a list, or are made within a function, would not be found by their names."""
    made = [
        node
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Statement"
    ]
    assert len(made) == len(STATEMENTS)
    assert factories() == set(FACTORIES)


def test_nothing_but_statements_and_the_making_of_the_schema_runs_sql() -> None:
    apart = {
        "schema.py", "sqlite.py", "postgresql.py", "notices.py", "wire.py", "copying.py",
        "statements.py", "writer.py", "readers.py", "transaction.py", "patience.py",
    }  # fmt: skip
    for path in SOURCES:
        if path.name not in apart:
            assert ".execute" not in path.read_text(), path
            assert ".driver" not in path.read_text(), path


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_holds_each_of_its_tables_to_the_tenancy_unless_it_says_otherwise(name: str) -> None:
    missing = unrestricted(STATEMENTS[name].construct)
    assert STATEMENTS[name].across_tenancies == (name in ACROSS)
    assert bool(missing) == (name in ACROSS), missing


@pytest.mark.parametrize("name", SPOILT)
def test_a_statement_without_one_of_its_conditions_is_found(name: str) -> None:
    table, construct = SPOILT[name]
    assert unrestricted(construct) == {table}


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_inspection_meets_every_table_that_the_sql_of_a_statement_names(name: str) -> None:
    construct = STATEMENTS[name].construct
    assert tables_inspected(construct) == tables_in_sql(construct)


@pytest.mark.parametrize(
    "name", [name for name, statement in STATEMENTS.items() if not isinstance(statement.construct, sa.Insert)]
)
def test_every_condition_of_the_sql_is_left_out_once_and_gone_then(name: str) -> None:
    construct = STATEMENTS[name].construct
    conditions = _conditions_in_sql(construct)
    without_one = [without for _, without in spoilt(construct)]
    assert [_conditions_in_sql(without) for without in without_one] == [conditions - 1] * conditions
    for without in without_one:
        assert sources_in_sql(without) == sources_in_sql(construct)


def _conditions_in_sql(construct: sa.Executable) -> int:
    return len(re.findall(r"\.tenancy_id = :tenancy\b", str(construct.compile())))


def test_every_statement_on_rows_of_tenancies_can_be_spoilt() -> None:
    spoilable = {name.partition(" ")[0] for name in SPOILT}
    on_no_rows = {"list_marks._SNAPSHOT", "locks._ALONE", "telling._NOTIFY", "patience._LIMIT", "patience._AS_USUAL"}
    on_no_tenancy = {name for name in STATEMENTS if name.startswith(("schema.", "tenancies."))} | on_no_rows
    assert spoilable == set(STATEMENTS) - ACROSS - on_no_tenancy


# What the inspection itself must not be taken in by

_ON = entity.c.id == work_item.c.owner_id
_ALIAS = work_item.alias("other")


def _recursive(*, first: sa.ColumnElement[bool], more: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """All that contains an item's owner, with conditions on where it starts and on each step."""
    found = sa.select(work_item.c.owner_id.label("id")).where(first).cte("found", recursive=True)
    step = sa.select(membership.c.container_id).where(membership.c.member_id == found.c.id, more)
    return sa.select(found.union(step).c.id)


_FIRST, _MORE = of_tenancy(work_item), of_tenancy(membership)


@pytest.mark.parametrize(
    ("construct", "missing"),
    [
        (sa.select(work_item), {"work_item"}),
        (sa.select(work_item).where(of_tenancy(work_item)), set()),
        (sa.select(work_item).where(of_tenancy(entity)), {"work_item"}),
        (sa.select(work_item).where(sa.or_(of_tenancy(work_item), work_item.c.id == 1)), {"work_item"}),
        (sa.select(work_item).where(~of_tenancy(work_item)), {"work_item"}),
        (sa.select(work_item).where(work_item.c.tenancy_id != TENANCY), {"work_item"}),
        (sa.select(work_item).where(work_item.c.tenancy_id == 1), {"work_item"}),
        (sa.select(work_item).where(work_item.c.owner_id == TENANCY), {"work_item"}),
        # An outer join's condition leaves the inner side as it is.
        (sa.select(work_item).join(entity, sa.and_(_ON, of_tenancy(work_item, entity)), isouter=True), {"work_item"}),
        (sa.select(work_item).join(entity, sa.and_(_ON, of_tenancy(work_item, entity))), set()),
        (sa.select(work_item).join(entity, _ON).where(of_tenancy(work_item)), {"entity"}),
        # Joined by the tenancy itself.
        (
            sa.select(work_item)
            .join(entity, sa.and_(_ON, entity.c.tenancy_id == work_item.c.tenancy_id))
            .where(of_tenancy(work_item)),
            set(),
        ),
        (
            sa.select(work_item).join(entity, sa.and_(_ON, entity.c.tenancy_id == work_item.c.tenancy_id)),
            {"work_item", "entity"},
        ),
        (sa.select(work_item, _ALIAS).where(of_tenancy(work_item)), {"other"}),
        (sa.select(work_item).where(of_tenancy(work_item), sa.exists().where(offer.c.entity_id == 1)), {"offer"}),
        (sa.select(sa.select(work_item).subquery()), {"work_item"}),
        (sa.select(sa.select(work_item).cte()), {"work_item"}),
        (_recursive(first=_FIRST, more=_MORE), set()),
        (_recursive(first=_FIRST, more=sa.true()), {"membership"}),
        (_recursive(first=sa.true(), more=_MORE), {"work_item"}),
        (_recursive(first=_FIRST, more=_FIRST), {"membership"}),
        (
            sa.select(work_item.c.id).where(
                of_tenancy(work_item), work_item.c.id.in_(_recursive(first=_FIRST, more=sa.true()))
            ),
            {"membership"},
        ),
        (sa.union_all(sa.select(offer.c.entity_id).where(of_tenancy(offer)), sa.select(entity.c.id)), {"entity"}),
        (sa.update(work_item).values(name="x"), {"work_item"}),
        (sa.update(work_item).where(of_tenancy(work_item)).values(name="x"), set()),
        (sa.delete(offer).where(offer.c.work_item_id == 1), {"offer"}),
        (sa.insert(offer), {"offer"}),
        (sa.insert(offer).values(tenancy_id=1), {"offer"}),
        (insert_into(offer), set()),
    ],
)
def test_the_inspection_finds_what_is_open_and_nothing_else(construct: sa.Executable, missing: set[str]) -> None:
    assert unrestricted(construct) == missing


def test_a_statement_of_a_tenancy_is_refused_where_none_was_chosen(whole_database) -> None:
    everyone = STATEMENTS["people._PEOPLE"]
    assert isinstance(everyone, Statement)
    with pytest.raises(LookupError, match="in none"):
        whole_database.read(everyone.rows).result(10)
