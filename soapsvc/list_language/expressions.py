"""Reads the filters and orders that clients write: by a grammar, within limits, and with errors that have a place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from soapsvc.domain.errors import InvalidFilter, InvalidOrder
from soapsvc.domain.values import is_xml_text
from soapsvc.domain.work_list import (
    COLUMNS,
    DEFAULT_ORDER,
    EQUALITY,
    And,
    Column,
    Comparison,
    Condition,
    IsNull,
    Kind,
    Operator,
    Or,
    Order,
    OrderTerm,
    Range,
    has_wildcards,
)
from soapsvc.list_language.values import (
    LONGEST_PATTERN,
    READERS,
    Misread,
    check_length,
    misplaced,
    one_of,
    quoted,
    read_interval,
)

_GRAMMAR = r"""
?filter: conjunction (_OR conjunction)*       -> any_of
conjunction: _condition (_AND _condition)*    -> all_of
_condition: comparison | range | "(" filter ")"
comparison: WORD OPERATOR (TEXT | PLAIN | WORD)
range: WORD OPERATOR "[" PLAIN "," PLAIN "]"

order: key ("," key)*
key: WORD [ASC | DESC]

_AND.2: /and(?!\w)/i
_OR.2: /or(?!\w)/i
ASC.2: /asc(?!\w)/i
DESC.2: /desc(?!\w)/i
OPERATOR: /<>|!=|<=|>=|[=<>]/
WORD: /(?!(?:and|or|asc|desc)(?!\w))[a-z_][a-z0-9_]*/i
PLAIN: /[+-]?[0-9.][0-9A-Za-z:.+-]*/
TEXT: /'(?:[^']++|'')*+'/
%ignore /[ \t\r\n]+/
"""
_COLUMN = "the name of a column"
_IN_WORDS: Mapping[str, str] = {
    "WORD": _COLUMN,
    "OPERATOR": "an operator",
    "TEXT": "a value",
    "PLAIN": "a date",
    "LSQB": "[",
    "COMMA": "a comma",
    "RSQB": "]",
    "LPAR": "(",
    "RPAR": ")",
    "_AND": "AND",
    "_OR": "OR",
    "ASC": "ASC",
    "DESC": "DESC",
    "$END": "the end",
}
"""How what may come next is called, in the order in which it is named."""

_OF_A_VALUE = {"TEXT", "PLAIN", "WORD"}
_STEPS = re.compile(r"'(?:[^']++|'')*+'|(?P<open>\()|(?P<close>\))|(?P<operator>[=<>!]+)")
_MOST_REMEMBERED = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long an expression may be, in characters, how deep its brackets, and how many terms it may have."""

    length: int = 16_384
    depth: int = 50
    terms: int = 200


_LIMITS = Limits()


def parse_filter(text: str, limits: Limits = _LIMITS) -> Condition | None:
    """Read a filter; a text of blanks is none. Raises InvalidFilter."""
    try:
        return _filter(text, limits)
    except Misread as error:
        raise InvalidFilter(error.position, error.found, error.expected) from None


def parse_order(text: str, limits: Limits = _LIMITS) -> Order:
    """Read an order, as it stands: see `completed`. A text of blanks is the default order. Raises InvalidOrder."""
    try:
        return _order(text, limits)
    except Misread as error:
        raise InvalidOrder(error.position, error.found, error.expected) from None


@lru_cache(_MOST_REMEMBERED)
def _filter(text: str, limits: Limits) -> Condition | None:
    """Read a filter, or remember it: screens ask for their lists again and again."""
    _check_text(text, limits)
    _check_steps(text, limits)
    condition: Condition | None = _parsed(text, "filter") if text.strip() else None
    return condition


@lru_cache(_MOST_REMEMBERED)
def _order(text: str, limits: Limits) -> Order:
    _check_text(text, limits)
    _check_commas(text, limits)
    order: Order = _parsed(text, "order") if text.strip() else DEFAULT_ORDER
    return order


def _check_text(text: str, limits: Limits) -> None:
    if len(text) > limits.length:
        raise Misread(limits.length, "more text", f"the end: no expression has more than {limits.length} characters")
    if not is_xml_text(text):
        at = next(index for index, character in enumerate(text) if not is_xml_text(character))
        raise Misread(at, f"the character U+{ord(text[at]):04X}", "a character that XML can hold")


def _check_steps(text: str, limits: Limits) -> None:
    """Count brackets and operators before anything is parsed: what follows takes no longer than these allow."""
    depth = terms = 0
    for step in _STEPS.finditer(text):
        if step["open"]:
            depth += 1
            if depth > limits.depth:
                raise Misread(step.start(), "'('", f"no more than {limits.depth} brackets within each other")
        elif step["close"]:
            depth -= 1
            if depth < 0:
                return  # the parser stops here
        elif step["operator"]:
            terms += 1
            if terms > limits.terms:
                raise Misread(step.start(), f"'{step[0]}'", f"no more than {limits.terms} terms")


def _check_commas(text: str, limits: Limits) -> None:
    for count, comma in enumerate(re.finditer(",", text), start=1):
        if count == limits.terms:
            raise Misread(comma.start(), "a comma", f"no more than {limits.terms} columns")


def _parsed(text: str, start: str) -> Any:
    try:
        return _parser().parse(text, start)
    except UnexpectedInput as error:
        at = _index_of(error, text)
        raise Misread(at, _shown(error, text[at:]), _expected(text[:at], start)) from None


@cache
def _parser() -> Lark:
    """Build the parser, once it is needed: it takes longer than anything that it reads."""
    return Lark(_GRAMMAR, parser="lalr", start=["filter", "order"], maybe_placeholders=False, transformer=_Meaning())


def _index_of(error: UnexpectedInput, text: str) -> int:
    token = getattr(error, "token", None)
    if token is not None and token.type == "$END":
        return len(text)
    index: Any = error.pos_in_stream
    return int(index)


def _shown(error: UnexpectedInput, rest: str) -> str:
    """Say what stands there: a whole token where one can be read, else a character."""
    if not rest:
        return "the end"
    if rest.startswith("'") and not hasattr(error, "token"):
        return "a text without its closing quote"
    return quoted(str(getattr(error, "token", rest[0])))


def _expected(before: str, start: str) -> str:
    """Say what could follow a text that was read without an error."""
    reading = _parser().parse_interactive(before, start)
    reading.exhaust_lexer()
    accepted: set[str] = reading.accepts()  # type: ignore[no-untyped-call]
    if accepted >= _OF_A_VALUE:
        accepted -= {"PLAIN", "WORD"}
    return one_of(words for name, words in _IN_WORDS.items() if name in accepted)


@v_args(inline=True)
class _Meaning(Transformer[Token, Any]):
    """What the parser makes of each rule of the grammar, as soon as it has read it."""

    def any_of(self, *conditions: Condition) -> Condition:
        return conditions[0] if len(conditions) == 1 else Or(conditions)

    def all_of(self, *conditions: Condition) -> Condition:
        return conditions[0] if len(conditions) == 1 else And(conditions)

    def comparison(self, name: Token, sign: Token, value: Token) -> Condition:
        column, operator = _column(name), _operator(sign)
        is_null = value.type == "WORD" and value.upper() == "NULL"
        if (is_null or column.kind in _NO_RANK) and operator not in EQUALITY:
            raise misplaced(sign, "= or !=")
        if is_null:
            return IsNull(column.name, negated=operator is Operator.UNEQUAL)
        operand = READERS[column.kind](value)
        if isinstance(operand, str) and operator in EQUALITY and has_wildcards(operand):
            check_length(value, operand, LONGEST_PATTERN, " where it has wildcards")
        return Comparison(column.name, operator, operand)

    def range(self, name: Token, sign: Token, start: Token, end: Token) -> Condition:
        column = _column(name)
        if column.kind is not Kind.MOMENT:
            raise misplaced(name, "a column of dates: only they have ranges")
        if _operator(sign) is not Operator.EQUAL:
            raise misplaced(sign, "=")
        return Range(column.name, read_interval(start), read_interval(end))

    def key(self, name: Token, direction: Token | None = None) -> tuple[Token, OrderTerm]:
        column = _column(name)
        if not column.is_sortable:
            raise misplaced(name, "a column that lists can be ordered by")
        return name, OrderTerm(column.name, descending=direction is not None and direction.type == "DESC")

    def order(self, *keys: tuple[Token, OrderTerm]) -> Order:
        named: set[str] = set()
        for name, term in keys:
            if term.field in named:
                raise misplaced(name, "a column that was not named before")
            named.add(term.field)
        return tuple(term for _, term in keys)


_BY_LOWER_NAME = {name.lower(): column for name, column in COLUMNS.items()}
_SIGNS = {operator.value: operator for operator in Operator} | {"<>": Operator.UNEQUAL}
_NO_RANK = {Kind.BOOLEAN, Kind.STATE, Kind.DISTRIBUTION}


def _column(name: Token) -> Column:
    column = _BY_LOWER_NAME.get(name.lower())
    if column is None:
        raise misplaced(name, _COLUMN)
    return column


def _operator(sign: Token) -> Operator:
    return _SIGNS[sign]
