"""The package is whole: every module described and short, every file in the wheel."""

import ast
import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture import pages

PACKAGE = pages.ROOT / "soapsvc"
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 400


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_has_a_docstring_and_a_bearable_length(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MOST_LINES


def test_the_listed_packages_are_those_on_disk() -> None:
    setup = configparser.ConfigParser()
    setup.read(pages.ROOT / "setup.cfg")
    on_disk = {".".join(path.parent.relative_to(pages.ROOT).parts) for path in MODULES if path.name == "__init__.py"}
    assert set(setup["options"]["packages"].split()) == on_disk | {"soapsvc.wsdl"}


def test_every_module_stands_in_a_package() -> None:
    assert [path for path in MODULES if not (path.parent / "__init__.py").exists()] == []


@pytest.mark.timeout(120)
def test_the_wheel_holds_every_module_the_contract_and_the_migrations(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: what was built before must not get in, nor anything be left behind
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("soapsvc", "wsdl"):
        shutil.copytree(pages.ROOT / folder, source / folder, ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(pages.ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    built = subprocess.run(command, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("soapsvc/")}
    expected = {str(path.relative_to(pages.ROOT)) for path in MODULES}
    expected |= {f"soapsvc/wsdl/{path.name}" for path in (pages.ROOT / "wsdl").iterdir()}
    expected |= {"soapsvc/rest/templates/index.html", "soapsvc/py.typed", "soapsvc/storage/migrations/script.py.mako"}
    assert held == expected
