"""The page about REST says what the door does, and its examples are what they look like."""

import json
import re
from typing import get_args

import msgspec
import pytest

from soapsvc import answer_xml
from soapsvc.domain.version_session import ANSWERABLE, SessionState
from soapsvc.rest import payloads
from soapsvc.rest.interface import OPERATIONS
from soapsvc.rest.problems import KINDS
from soapsvc.rest.services import ResponseCode
from soapsvc.rest.work_item_operations import LONGEST_LIMIT
from tests.architecture import pages

PAGE = pages.page("docs/rest.md")


def _table(heading: str) -> dict[str, list[str]]:
    rows = pages.rows(pages.section(PAGE, heading))
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0].strip("`"): [cell.strip("`") for cell in row[1:]] for row in rows}


def test_every_problem_is_documented_with_its_status_and_nothing_else_is() -> None:
    documented = {name: int(status) for name, (status, _) in _table("## Problems").items()}
    assert documented == {name: kind.status for name, kind in KINDS.items()}


def test_every_operation_is_documented_with_its_path_and_its_query_and_nothing_else_is() -> None:
    documented = {name: place for name, (place,) in _table("## Paths").items()}
    assert list(documented) == [operation.name for operation in OPERATIONS]
    for operation in OPERATIONS:
        place, _, query = documented[operation.name].partition("?")
        assert place == f"{operation.method} {operation.path}"
        named = set(re.findall(r"(\w+)=", query))
        fields = msgspec.structs.fields(operation.query) if operation.query else ()
        assert named == {field.encode_name for field in fields}


def test_the_modes_of_the_response_code_are_those_of_the_setting() -> None:
    rows = [
        row for row in pages.rows(pages.section(PAGE, "## SaveAndClose and Complete")) if row[1:] and row[1].isdigit()
    ]
    documented = {row[0].strip("`"): (int(row[1]), int(row[2])) for row in rows}
    assert documented == {"split": (200, 202), "always200": (200, 200), "always202": (202, 202)}
    assert set(documented) == set(get_args(ResponseCode))


def test_the_bodies_of_the_page_are_read_as_what_they_show() -> None:
    status, answers = (json.loads(block) for block in pages.blocks(PAGE, "json"))
    assert msgspec.convert(status, payloads.Status).status in set(SessionState)
    (in_xml,) = pages.blocks(PAGE, "xml")
    assert answer_xml.read(in_xml.encode()) == {"Customer": answers["Customer"]}


def test_the_states_and_limits_of_the_page_are_those_of_the_code() -> None:
    answers = pages.section(PAGE, "## Answers")
    assert {state for state in SessionState if f"`{state}`" in answers} == set(ANSWERABLE)
    assert f"{LONGEST_LIMIT:,}" in pages.section(PAGE, "## Lists")


@pytest.mark.parametrize("block", pages.blocks(PAGE, "python"))
def test_the_example_compiles(block: str) -> None:
    compile(block, "docs/rest.md", "exec")
