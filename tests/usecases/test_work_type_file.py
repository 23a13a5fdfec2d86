"""Work types from a YAML file: a good one becomes what it says, a bad one is refused with the lines of its mistakes."""

import pytest

from soapsvc import work_type_file
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.work_item import Distribution
from soapsvc.domain.work_type import WorkModel, WorkType
from soapsvc.usecases import work_types
from soapsvc.work_type_file import InvalidWorkTypeFile

GOOD = """\
work_types:
  - id: claim
    description: Insurance claim
    version: "1.0"
    piled: true
    piling_limit: 3
    reoffer_on_close: true
    reoffer_on_cancel: false
    ignore_incoming_data: false
    model:
      name: Review claim
      description: Look at it
      priority: 7
      distribution: ALLOCATE
      offer_to: [ana, GUID-of-ben]
    fields:
      - {name: Customer, direction: input, type: String, length: 20}
      - {name: Notes, direction: inout, type: String, optional: true, array: true, values: [a, b]}
      - {name: Amount, direction: output, type: Decimal Number, length: 9, decimals: 2}
      - {name: Policy, direction: output, type: Complex, class_name: policy}
  - id: plain
"""
CLAIM = WorkType(
    id="claim",
    description="Insurance claim",
    version="1.0",
    piled=True,
    piling_limit=3,
    reoffer_on_close=True,
    reoffer_on_cancel=False,
    ignore_incoming_data=False,
    model=WorkModel(
        name="Review claim",
        description="Look at it",
        priority=7,
        distribution=Distribution.ALLOCATE,
        offer_to=("ana", "GUID-of-ben"),
    ),
    fields=(
        Field(name="Customer", direction=Direction.INPUT, type=FieldType.STRING, length=20),
        Field(
            name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True, array=True, values=("a", "b")
        ),
        Field(name="Amount", direction=Direction.OUTPUT, type=FieldType.DECIMAL_NUMBER, length=9, decimals=2),
        Field(
            name="Policy",
            direction=Direction.OUTPUT,
            type=FieldType.COMPLEX,
            class_name="policy",
            complex_values=True,
        ),
    ),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "types.yaml"


def complaint(path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidWorkTypeFile) as refused:
        work_type_file.read(path)
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_a_good_file_becomes_what_it_says(path):
    path.write_text(GOOD)

    assert work_type_file.read(path) == [CLAIM, WorkType(id="plain")]


def test_what_was_loaded_is_found_as_it_was_and_replaced_by_its_id(path, write):
    path.write_text(GOOD)
    loaded = work_type_file.read(path)

    assert write(lambda tx: work_types.load(tx, loaded)) == 2
    assert list(write(work_types.list_all)) == loaded
    assert write(lambda tx: work_types.load(tx, [WorkType(id="claim"), WorkType(id="new")])) == 1
    assert list(write(work_types.list_all)) == [WorkType(id="claim"), WorkType(id="new"), WorkType(id="plain")]


@pytest.mark.parametrize(
    ("wrong", "line", "named"),
    [
        ("piled: true -> piled: 'yes'", 5, "piled"),
        ("piling_limit: 3 -> piling_limit: 0", 6, "piling_limit"),
        ("piling_limit: 3 -> piling_limit: many", 6, "piling_limit"),
        ("reoffer_on_close: -> reoffer_on_closing:", 7, "reoffer_on_closing"),
        ('version: "1.0" -> version: 1.0', 4, "version"),
        ("id: plain -> name: plain", 21, "id"),
        ("id: plain -> id: ''", 21, "id"),
        ("priority: 7 -> priority: 101", 13, "priority"),
        ("priority: 7 -> priority: 0", 13, "priority"),
        ("distribution: ALLOCATE -> distribution: GIVE", 14, "distribution"),
        ("offer_to: [ana, GUID-of-ben] -> offer_to: ana", 15, "offer_to"),
        ("direction: input -> direction: in", 17, "direction"),
        ("type: String, length: 20 -> type: Text, length: 20", 17, "type"),
        ("length: 20 -> length: -1", 17, "length"),
        ("values: [a, b] -> values: [a, 1]", 18, "values"),
        ("name: Amount, direction -> nam: Amount, direction", 19, "name"),
        ("name: Review claim -> name: ''", 11, "name"),
    ],
)
def test_every_kind_of_mistake_is_named_with_its_line(path, wrong, line, named):
    good, bad = wrong.split(" -> ")
    assert GOOD.count(good) == 1

    told = complaint(path, GOOD.replace(good, bad))

    assert f"line {line}:" in told
    assert named in told


def test_all_mistakes_are_told_at_once(path):
    told = complaint(path, GOOD.replace("piled: true", "piled: 7").replace("priority: 7", "priority: 0"))

    assert "line 5:" in told
    assert "line 13:" in told
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("name: Amount -> name: Customer", "Customer"),
        ("type: Decimal Number, length: 9, decimals: 2 -> type: Decimal Number, values: [many]", "Amount"),
        ("optional: true, array: true, values -> optional: true, values", "Notes"),
    ],
)
def test_fields_that_no_item_could_have_are_named_with_where_they_stand(path, wrong, named):
    good, bad = wrong.split(" -> ")

    told = complaint(path, GOOD.replace(good, bad))

    assert f"'{named}'" in told
    assert "line 1" in told  # of the fields


@pytest.mark.parametrize("text", ["", "a text", "[]", "work_types: []", "work_types:", "types: []"])
def test_a_file_without_work_types_is_refused(path, text):
    assert "line 1" in complaint(path, text)


def test_what_is_no_yaml_is_refused_at_its_line(path):
    assert "line 2:" in complaint(path, "work_types:\n  - id: }\n  - id: b\n")


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.getcwd []", "a: &a [*a]", "[" * 5000, "a: \x01"])
def test_a_hostile_file_is_refused(path, text):
    complaint(path, text)


def test_an_id_that_stands_in_the_file_twice_is_refused(path):
    assert "claim" in complaint(path, GOOD.replace("id: plain", "id: claim"))


def test_a_missing_a_huge_and_an_unreadable_file_are_named(path, tmp_path):
    with pytest.raises(InvalidWorkTypeFile, match="cannot be read"):
        work_type_file.read(path)
    with pytest.raises(InvalidWorkTypeFile, match="cannot be read"):
        work_type_file.read(tmp_path)
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InvalidWorkTypeFile, match="cannot be read"):
        work_type_file.read(path)
    assert "1000000 bytes" in complaint(path, "#" * 1_000_001)


@pytest.mark.parametrize(
    "value", ["<a", "plain", "<other/>", "<value/><value/>", "<!DOCTYPE value><value/>", "<?xml?>"]
)
def test_free_xml_that_no_answer_could_hold_is_refused_with_its_line(path, value):
    field = f"{{name: Policy, direction: inout, type: Complex, values: ['{value}']}}"

    assert "line 4" in complaint(path, f"work_types:\n  - id: claim\n    fields:\n      - {field}\n")


def test_a_text_that_xml_cannot_hold_is_refused(path):
    assert "XML cannot hold" in complaint(path, 'work_types:\n  - id: claim\n    description: "a\\x01b"\n')
