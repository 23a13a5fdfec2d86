"""What the page of the organisation says is what the file's reader knows, all of it."""

from pathlib import Path

from soapsvc import org_file
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.organisation_model import above
from tests.architecture import pages
from tests.support.organisations import ANA

PAGE = pages.page("docs/organisation.md")
(EXAMPLE,) = pages.blocks(PAGE, "yaml")
KINDS = {
    "organisations": org_file._OrganisationEntry,
    "units": org_file._UnitEntry,
    "positions": org_file._PositionEntry,
    "groups": org_file._GroupEntry,
    "capabilities": org_file._Named,
    "privileges": org_file._PrivilegeEntry,
    "resources": org_file._ResourceEntry,
}


def test_the_documented_file_is_a_valid_one_and_says_what_the_page_says(tmp_path: Path) -> None:
    path = tmp_path / "organisation.yaml"
    path.write_text(EXAMPLE)
    model = org_file.read(path)
    model.check()
    assert {name.name for name in above(model, ANA)} == {
        "Adjuster", "Motor claims", "Claims", "Insurance", "Clerk", "French",
    }  # fmt: skip
    assert model.denied == {SystemAction.PEND_WORK_ITEM}
    assert {entity.type for entity in model.entities} == set(org_file._TOP.values()) | set(org_file._NESTED.values())


def test_every_key_of_an_entity_is_documented_with_the_kinds_that_have_it_and_nothing_else_is() -> None:
    documented = {row[0].strip("`"): row[1] for row in pages.rows(pages.section(PAGE, "## A file"))}
    expected: dict[str, set[str]] = {}
    for kind, entry in KINDS.items():
        for key in entry.model_fields:
            expected.setdefault(key, set()).add(kind)
    said = {key: set(KINDS) if kinds == "all" else set(kinds.split(", ")) for key, kinds in documented.items()}
    assert said == expected
    assert all(f"{key}:" in EXAMPLE for key in expected)
