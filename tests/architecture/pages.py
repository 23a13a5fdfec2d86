"""The documentation as tests read it: sections, tables, code blocks, links."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_EDGE = re.compile(r"^ *(\S+) --> (\S+?)(?:: (.*))?$", re.MULTILINE)


def page(name: str) -> str:
    return (ROOT / name).read_text()


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def section(text: str, heading: str) -> str:
    """Give what stands under a heading, its subsections included."""
    level = len(heading) - len(heading.lstrip("#"))
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, f"there is no heading '{heading}'"
    return re.split(rf"\n#{{1,{level}}} ", _FENCED.sub(lambda m: m[0].replace("\n#", "\n #"), rest))[0]


def headings(text: str, level: int) -> list[str]:
    return re.findall(rf"^#{{{level}}} (.+)$", _FENCED.sub("", text), re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """Give the cells of all tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rules = {number for number, line in enumerate(lines) if set(line) <= set("|-: ")}
    skipped = rules | {number - 1 for number in rules}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if number not in skipped
    ]


def blocks(text: str, language: str) -> list[str]:
    return [code for name, code in _FENCED.findall(text) if name == language]


def edges(text: str) -> Iterator[tuple[str, str, str]]:
    """Give the edges of a text's state diagrams: from, to, and each action of the label."""
    for diagram in blocks(text, "mermaid"):
        for start, end, label in _EDGE.findall(diagram):
            for action in (label or "").split(", "):
                yield start, end, action


def links(path: Path) -> list[str]:
    return [link for link in _LINK.findall(_FENCED.sub("", path.read_text())) if "://" not in link]


def anchors(path: Path) -> set[str]:
    """Give the anchors that a page's headings have on the usual hosts of repositories."""
    titles = re.findall(r"^#{1,6} (.+)$", _FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def repository_files() -> list[Path]:
    """Give the files of the repository, and those that would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        check=False,
        cwd=ROOT,
        capture_output=True,
    )
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
        return [path for path in names if path.is_file()]
    # An unpacked archive has no history: take what lies in the folders of the project.
    folders = ("soapsvc", "tests", "wsdl", "docs", "requirements", "bench", ".ci")
    found = [*ROOT.iterdir(), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    return [
        path
        for path in found
        if path.is_file() and not any(part.endswith("cache__") or part.endswith("_cache") for part in path.parts)
    ]
