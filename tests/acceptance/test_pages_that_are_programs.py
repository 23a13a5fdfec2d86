"""Some pages of docs/ are programs: their blocks run as they stand, against a real server, and print what they say."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.compile(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", re.DOTALL)
PASSWORD = "some-password"


@pytest.mark.parametrize("page", ["versions.md", "python-client.md", "rest.md"])
def test_a_page_runs_as_it_stands_and_prints_what_it_says(page: str, tmp_path: Path) -> None:
    preamble, *blocks = BLOCKS.findall((DOCS / page).read_text())
    assert len(blocks) > (0 if page == "rest.md" else 8)
    names: dict[str, Any] = {}
    exec(preamble[0], names)
    with Server(tmp_path, "--demo", "--demo-password", PASSWORD) as server:
        guids = {f"{person['name']}_guid": person["guid"] for person in server.json("user", "list")}
        known = guids | {"password": PASSWORD}
        assert names == names | {name: value for name, value in known.items() if name in names}
        names["address"] = server.address  # the port is free to choose
        for code, expected in blocks:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(code, names)
            assert printed.getvalue() == expected, code
