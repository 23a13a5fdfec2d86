"""What the pages say of work types, system actions and the history is what the code knows, all of it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from soapsvc import work_type_file
from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.domain.data import Field, FieldType
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_type import WorkModel, WorkType
from tests.architecture import pages

RUNNING_PAGE = pages.page("docs/running.md")
WORK_TYPES = pages.section(RUNNING_PAGE, "## Work types")
(EXAMPLE,) = pages.blocks(WORK_TYPES, "yaml")
NEVER_CHANGE = {
    "id", "guid", "version", "name", "description", "distribution", "group_id", "work_type_id", "attributes",
    "context", "history_hash", "template_package_id", "running",
}  # fmt: skip


def _tables() -> list[dict[str, tuple[str, str]]]:
    """Give the three tables of keys: of a work type, of a field, of a model."""
    tables: list[dict[str, tuple[str, str]]] = []
    for name, default, meaning in pages.rows(WORK_TYPES):
        if name in {"`id`", "`name`"}:  # what must be given comes first
            tables.append({})
        tables[-1][name.strip("`")] = (default.strip("`"), meaning)
    return tables


def _names(kind: type[Any]) -> set[str]:
    return {field.name for field in fields(kind)}


# Work types


def test_the_documented_file_of_work_types_is_a_valid_one(tmp_path: Path) -> None:
    path = tmp_path / "types.yaml"
    path.write_text(EXAMPLE)
    claim, note = work_type_file.read(path)
    assert (claim.id, claim.piling_limit, claim.ignore_incoming_data) == ("claim", 10, False)
    assert claim.model is not None
    assert claim.model.offer_to == ("ana", "ben")
    assert [field.values for field in claim.fields if field.name == "Notes"] == [("See the letter", "Call before noon")]
    assert (note.fields[0].name, note.model) == ("Text", None)


def test_every_key_of_work_types_is_documented_and_nothing_else_is() -> None:
    of_type, of_field, of_model = _tables()
    assert set(of_type) == _names(WorkType)
    # What only messages have: the form of a value, and a reference within an application.
    assert set(of_field) == _names(Field) - {"complex_values", "go_ref_id"}
    assert set(of_model) == _names(WorkModel)


def test_the_documented_file_of_work_types_uses_every_key() -> None:
    of_type, of_field, of_model = _tables()
    (first, _) = yaml.safe_load(EXAMPLE)["work_types"]
    assert set(first) == set(of_type)
    assert {key for field in first["fields"] for key in field} == set(of_field)
    assert set(first["model"]) == set(of_model)


def test_the_documented_defaults_of_work_types_are_those_that_a_short_file_gets(tmp_path: Path) -> None:
    path = tmp_path / "types.yaml"
    short_field = "{name: f, direction: input, type: String}"
    path.write_text(f"work_types: [{{id: t, fields: [{short_field}], model: {{name: m}}}}]")
    (short,) = work_type_file.read(path)
    of_type, of_field, of_model = _tables()
    given = {"id", "name", "direction", "type", "fields", "model"}
    for table, value in ((of_type, short), (of_field, short.fields[0]), (of_model, short.model)):
        for key in set(table) - given:
            assert _said(getattr(value, key)) == table[key][0].replace("empty", "none"), key


def _said(default: object) -> str:
    if default is None or default in {"", ()}:
        return "none"
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_every_type_of_field_is_documented() -> None:
    (_, of_field, _) = _tables()
    for kind in FieldType:
        assert f"`{kind}`" in of_field["type"][1]


# System actions


def test_every_system_action_is_documented_and_nothing_else_is() -> None:
    table = dict(pages.rows(pages.section(RUNNING_PAGE, "## System actions")))
    assert {name.strip("`") for name in table} == set(SystemAction)
    open_to_all = {name.strip("`") for name, meaning in table.items() if meaning.startswith("open to all")}
    assert open_to_all == ALLOWED_TO_ALL


def test_the_operations_name_only_system_actions_and_none_that_is_open_to_all_by_grant() -> None:
    granted = {
        name.strip("`,.;")
        for row in pages.rows(pages.page("docs/operations.md"))
        if row[0] == "Who may"
        for name in row[1].split()
        if name.startswith("`")
    }
    assert granted == set(SystemAction) - ALLOWED_TO_ALL


# The history


def test_the_page_of_the_history_names_every_property_that_can_change() -> None:
    table = pages.rows(pages.section(pages.page("docs/history.md"), "## Reading it"))
    named = {name.strip("`") for name, _ in table if "_" in name or name.strip("`") in _names(WorkItem)}
    assert named - {"version"} == _names(WorkItem) - NEVER_CHANGE
