"""The statements of the store: where they are, which tenancy each of their tables is held to, and how to spoil that."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors

from soapsvc import storage
from soapsvc.domain.work_list import DEFAULT_ORDER
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import TENANCY, metadata
from soapsvc.storage.work_lists import Scope, _Form

TWO_LISTS = _Form(Scope.OWN, 2, False)
FACTORIES: Mapping[str, tuple[Any, ...]] = {
    "work_items._save_statement": (
        frozenset({"state", "owner_id", "history_hash", "at_id", "at_version", "at_operation"}),
    ),
    "list_entries._update_statement": (None, frozenset({"state"})),
    "list_entries._removal": (None,),
    "work_lists._walk_statement": (TWO_LISTS, ("not null", "priority"), True),
    "work_lists._page_statement": (TWO_LISTS, ("not null", "description"), DEFAULT_ORDER, (True, False, False)),
    "work_lists._count_statement": (_Form(Scope.ALLOCATED, 1, False), ("=", "priority")),
    "work_lists._any_statement": (_Form(Scope.HELD, 1, False), ()),
    "work_lists._next_statement": (_Form(Scope.OWN, 1, False), (), DEFAULT_ORDER, True, False),
}
"""Functions that make statements, with arguments to make one of each."""


def modules() -> list[ModuleType]:
    names = [found.name for found in pkgutil.iter_modules(storage.__path__) if not found.ispkg]
    return [importlib.import_module(f"soapsvc.storage.{name}") for name in names]


def factories() -> set[str]:
    """The names of all functions of the store that give a statement."""
    return {
        f"{_short(module)}.{name}"
        for module in modules()
        for name, value in vars(module).items()
        if inspect.isroutine(value) or hasattr(value, "cache_info")
        if getattr(value, "__module__", None) == module.__name__
        if inspect.signature(value).return_annotation in {Statement, "Statement"}
    }


def every_statement() -> dict[str, Statement]:
    """All statements of the store, by module and name."""
    found = {
        f"{_short(module)}.{name}": value
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, Statement)
    }
    for name, arguments in FACTORIES.items():
        module, _, function = name.partition(".")
        found[name] = getattr(importlib.import_module(f"soapsvc.storage.{module}"), function)(*arguments)
    return found


def _short(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


# Inspection


def unrestricted(construct: Any) -> set[str]:
    """The tables of a statement whose rows of other tenancies it could see, change or make."""
    if isinstance(construct, sa.Insert):
        return _unrestricted_insert(construct)
    missing: set[str] = set()
    for part in visitors.iterate(construct):
        if isinstance(part, sa.Select):
            missing |= _missing(_froms(part), part._where_criteria)
        elif isinstance(part, sa.Update | sa.Delete):
            missing |= _missing([part.table], part._where_criteria)
    return missing


def tables_in_sql(construct: Any) -> set[str]:
    """The tables with rows of tenancies that a statement's SQL reads, changes or fills, wherever it names them."""
    named = set(sources_in_sql(construct))
    return {name for name, table in metadata.tables.items() if name in named and "tenancy_id" in table.c}


def sources_in_sql(construct: Any) -> list[str]:
    """All tables and common table expressions that a statement's SQL names as such, as often as it does."""
    return sorted(re.findall(r"(?:FROM|JOIN|INTO|UPDATE|,)\s+(\w+)\b(?!\.)", str(construct.compile())))


def tables_inspected(construct: Any) -> set[str]:
    """The tables that the inspection meets."""
    found: list[Any] = [construct.table] if isinstance(construct, sa.Insert) else []
    for part in visitors.iterate(construct):
        if isinstance(part, sa.Select):
            for one in _froms(part):
                found += _tables_of(one, [])
        elif isinstance(part, sa.Update | sa.Delete):
            found.append(part.table)
    bare = [one.element if isinstance(one, sa.Alias) else one for one in found]
    return {table.name for table in bare if "tenancy_id" in table.c}


def _froms(select: sa.Select[Any]) -> list[Any]:
    """What a SELECT reads itself: what it is correlated to, that around it reads, and must restrict."""
    outside = select._correlate or ()
    return [one for one in select.get_final_froms() if one not in outside]


def _unrestricted_insert(construct: sa.Insert) -> set[str]:
    table = construct.table
    if "tenancy_id" not in table.c:
        return set()
    values = {getattr(column, "key", column): value for column, value in (construct._values or {}).items()}
    given = values.get("tenancy_id")
    return set() if given is not None and _is_tenancy(given) else {table.name}


def _missing(froms: Any, where: Any) -> set[str]:
    tables: list[Any] = []
    claims: list[tuple[Any, list[Any]]] = []
    for one in froms:
        tables += _tables_of(one, claims)
    claims += [(condition, tables) for condition in where]
    concerned = [table for table in tables if "tenancy_id" in table.c]
    held: list[Any] = []
    grew = True
    while grew:
        grew = False
        for condition, may_hold in claims:
            for table in _held_by(condition, held):
                if table in may_hold and table not in held:
                    held.append(table)
                    grew = True
    return {table.name for table in concerned if table not in held}


def _tables_of(source: Any, claims: list[tuple[Any, list[Any]]]) -> list[Any]:
    """The tables of a FROM. A join's condition holds those that it can: of an outer join, the outer side alone."""
    if not isinstance(source, sa.Join):
        return [source] if isinstance(source, sa.Table | sa.Alias) else []
    left, right = _tables_of(source.left, claims), _tables_of(source.right, claims)
    if not source.full:
        claims.append((source.onclause, right if source.isouter else left + right))
    return left + right


def _held_by(condition: Any, held: list[Any]) -> Iterator[Any]:
    """The tables that a condition holds to the tenancy, given those that others hold."""
    if isinstance(condition, sa.sql.elements.Grouping):
        yield from _held_by(condition.element, held)
    elif isinstance(condition, sa.sql.elements.BooleanClauseList) and condition.operator is operators.and_:
        for clause in condition.clauses:
            yield from _held_by(clause, held)
    elif isinstance(condition, sa.BinaryExpression) and condition.operator is operators.eq:
        for one, other in ((condition.left, condition.right), (condition.right, condition.left)):
            if _is_tenancy_column(one) and (_is_tenancy(other) or (_is_tenancy_column(other) and other.table in held)):
                yield one.table


def _is_tenancy_column(element: Any) -> bool:
    return isinstance(element, sa.Column) and element.name == "tenancy_id"


def _is_tenancy(element: Any) -> bool:
    return isinstance(element, sa.BindParameter) and element.key == TENANCY.key


# Spoiling


def spoilt(construct: Any) -> Iterator[tuple[str, Any]]:
    """Every statement that comes of one by leaving one condition on the tenancy out, with the table concerned."""
    if isinstance(construct, sa.Insert):
        if "tenancy_id" in construct.table.c:
            yield construct.table.name, _insert_without_tenancy(construct)
        return
    for target in _conditions(construct):
        yield target.left.table.name, _without(construct, [target])


def spoilt_altogether(construct: Any) -> Any:
    """The statement without any condition on the tenancy."""
    if isinstance(construct, sa.Insert):
        return _insert_without_tenancy(construct)
    return _without(construct, _conditions(construct))


def _conditions(construct: Any) -> list[Any]:
    """Each of the conditions once: what a common table expression holds is met wherever that is named."""
    found = {
        id(part): part
        for part in visitors.iterate(construct)
        if isinstance(part, sa.BinaryExpression) and _is_tenancy_column(part.left) and _is_tenancy(part.right)
    }
    return list(found.values())


def _without(construct: Any, targets: list[Any]) -> Any:
    def replace(element: Any, **_: Any) -> Any:
        if any(element is target for target in targets):
            return sa.true()
        return element if isinstance(element, sa.Alias) else None  # a copy would be another one than its columns know

    return visitors.replacement_traverse(construct, {}, replace)


def _insert_without_tenancy(construct: sa.Insert) -> Any:
    # As it would be written by mistake: into the first tenancy, whoever's the row is.
    return construct.values(tenancy_id=sa.literal(1))
