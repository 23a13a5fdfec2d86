"""docs/python-client.md is a program: its blocks run as they stand, against a real server, and print what it says."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "python-client.md"
BLOCKS = re.compile(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", re.DOTALL)
PASSWORD = "some-password"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo"), "--demo", "--demo-password", PASSWORD) as server:
        yield server


def test_the_page_of_the_python_client_runs_as_it_stands_and_prints_what_it_says(server: Server) -> None:
    preamble, *blocks = BLOCKS.findall(PAGE.read_text())
    names: dict[str, Any] = {}
    exec(preamble[0], names)
    assert names["password"] == PASSWORD
    names["address"] = server.address  # the port is free to choose
    assert len(blocks) > 8
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == expected, code
