"""Who waits at one process or node is told what another has changed, and what one has told another understands."""

import base64
import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import PASSWORD
from tests.support.server import Server
from tests.support.soap import SERVICE_OF, content_of, envelope, request

DEADLINE = 15.0
MINE = "<resourcesRequired>MINE</resourcesRequired>"
Ask = Callable[[str, str], bytes]


class Connection:
    """A connection that stays open: what is asked on it is answered by the same process."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self._connection.connect()

    def ask(self, operation: str, content: str) -> bytes:
        token = base64.b64encode(f"ana:{PASSWORD}".encode()).decode()
        headers = {"Content-Type": "text/xml", "Authorization": f"Basic {token}"}
        body = envelope(request(operation, content))
        self._connection.request("POST", f"/amxbpm/{SERVICE_OF[operation]}", body, headers)
        answer = self._connection.getresponse()
        received = answer.read()
        assert answer.status == 200, received
        return received

    def mark(self) -> str:
        return content_of(self.ask("getWorkListItems", MINE)).get("changeMark") or ""

    def wait(self, mark: str, seconds: int) -> tuple[str, str]:
        """Give whether the list has changed, and the mark to go on from."""
        content = f"<changeMark>{mark}</changeMark><timeout>{seconds}</timeout>"
        answer = content_of(self.ask("awaitWorkListChange", content))
        return answer.findtext("changed") or "", answer.findtext("changeMark") or ""

    def close(self) -> None:
        self._connection.close()


def furnished(folder: Path, *arguments: str, **environment: str) -> Server:
    return Server(folder, *arguments, "--demo", "--demo-password", PASSWORD, **environment)


@pytest.fixture
def of_two_processes(tmp_path: Path) -> Iterator[list[Connection]]:
    """Connections to one port, whose processes take them as it comes; so many that no process has none."""
    with furnished(tmp_path, "--processes", "2") as server, ExitStack() as stack:
        yield [stack.enter_context(closing(Connection(server.port))) for _ in range(12)]


@pytest.fixture
def of_two_nodes(database_url: sa.URL, tmp_path: Path) -> Iterator[list[Connection]]:
    where = {"SOAPSVC_DATABASE": database_url.render_as_string(hide_password=False)}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with Server(folders[0], **where) as one, Server(folders[1], **where) as two, ExitStack() as stack:
        yield [stack.enter_context(closing(Connection(server.port))) for server in (one, two)]


def _tell_all(connections: list[Connection], change: Callable[[], object]) -> None:
    """Let all wait from a mark that the first was given, then change something: all are told, and none before."""
    mark = connections[0].mark()
    for connection in connections:
        changed, mark = connection.wait(mark, 0)
        assert changed == "false", "a mark of another process is no reason to read the list again"
    told: list[tuple[str, str]] = []
    threads = [threading.Thread(target=lambda one=one: told.append(one.wait(mark, 10))) for one in connections[1:]]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    assert told == []
    began = time.monotonic()
    change()
    for thread in threads:
        thread.join(DEADLINE)
    assert [changed for changed, _ in told] == ["true"] * len(threads)
    assert time.monotonic() - began < 5
    for connection in connections:
        with contextlib.suppress(ConnectionError):
            assert connection.wait(connection.mark(), 0)[0] == "false"


def test_all_processes_tell_of_what_one_has_changed(of_two_processes: list[Connection]) -> None:
    first = of_two_processes[0]
    _tell_all(of_two_processes, lambda: first.ask("allocateWorkItem", '<workItemID id="1"/>'))


@pytest.mark.parametrize("kind", ["postgresql"])
def test_all_nodes_tell_of_what_one_has_changed(of_two_nodes: list[Connection], offered) -> None:
    first = of_two_nodes[0]
    _tell_all(of_two_nodes, lambda: first.ask("allocateWorkItem", f'<workItemID id="{offered.id}"/>'))
