"""The pages hang together: links lead somewhere, records are numbered, nothing speaks of a workplace."""

import re
from pathlib import Path

import pytest

import soapsvc
from tests.architecture import pages

RECORDS = sorted((pages.DOCS / "decisions").glob("*.md"))
PAGE_NAMES = [str(path.relative_to(pages.ROOT)) for path in pages.pages()]
# In parts, so that this file does not find itself.
WORKPLACE = re.compile(
    "|".join(
        re.escape("".join(parts)) for parts in (("../", "shared"), ("/wo", "rk/"), ("bash_", "jobs"), ("/opt/", "pypi"))
    )
)
INDEX = re.compile(
    "|".join(
        re.escape("".join(parts)) for parts in ((" --index", "-url"), ("--extra", "-index"), ("pythonhosted", ".org"))
    )
)


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_relative_link_leads_to_a_page_and_a_heading(name: str) -> None:
    path = pages.ROOT / name
    for link in pages.links(path):
        target, _, anchor = link.partition("#")
        linked = (path.parent / target).resolve() if target else path
        assert linked.exists(), f"{name} links to {link}"
        assert not anchor or anchor in pages.anchors(linked), f"{name} links to {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [pages.ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path not in reached and path.suffix == ".md":
            reached.add(path)
            waiting += [
                (path.parent / link.partition("#")[0]).resolve() for link in pages.links(path) if link[0] != "#"
            ]
    assert set(pages.pages()) - set(RECORDS) <= reached


def test_the_readme_is_short() -> None:
    assert len(pages.page("README.md").splitlines()) < 150


def test_decision_records_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))
    for path in RECORDS:
        assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", path.name)
        assert path.read_text().startswith(f"# {int(path.name[:4])}. ")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_decision_record_has_the_four_headings(path: Path) -> None:
    assert pages.headings(path.read_text(), 2) == ["Context", "Decision", "Consequences", "Alternatives"]


def test_the_changelog_has_the_current_version_or_what_is_unreleased() -> None:
    titles = pages.headings(pages.page("CHANGELOG.md"), 2)
    assert any(title.startswith(("[Unreleased]", f"[{soapsvc.__version__}]")) for title in titles)


def test_no_file_speaks_of_a_workplace() -> None:
    offenders = [
        f"{path.relative_to(pages.ROOT)}: {found[0]}"
        for path in pages.repository_files()
        if (found := WORKPLACE.search(path.read_text(errors="replace")))
    ]
    assert offenders == []


def test_no_file_names_the_index_that_packages_came_from() -> None:
    for path in pages.repository_files():
        assert not INDEX.search(path.read_text(errors="replace")), path
    for path in (pages.ROOT / "requirements").glob("*.txt"):
        assert not re.search(r"https?://|file:", path.read_text()), path


def test_the_targets_that_the_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", pages.page("Makefile"), re.MULTILINE))
    for path in pages.pages():
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(), re.MULTILINE):
            assert target in targets, f"{path.name} names `make {target}`"


def test_the_source_files_that_the_pages_name_exist() -> None:
    pattern = re.compile(r"`((?:soapsvc|tests|wsdl|docs|requirements)/[\w./-]+\.(?:py|xsd|wsdl|md|txt))`")
    for path in pages.pages():
        for name in pattern.findall(path.read_text()):
            assert (pages.ROOT / name).exists(), f"{path.name} names {name}"
