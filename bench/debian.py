"""Programs that the races need and Python does not have: from the PATH, or unpacked from Debian's packages."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Missing(Exception):
    """A program is neither installed nor to be had; the text says which."""


def program(name: str, packages: Sequence[str], folder: Path) -> tuple[str, Mapping[str, str]]:
    """Give the path of a program and the environment to run it in; `packages` are its own and its libraries'.

    Nothing is installed: packages are unpacked into the folder, and kept there. Raises Missing.
    """
    if installed := shutil.which(name):
        return installed, os.environ
    unpacked = folder / "root"
    if not (unpacked / "usr/bin" / name).exists():
        _unpack(name, packages, folder, unpacked)
    libraries = ":".join(str(path) for path in sorted((unpacked / "usr/lib").glob("*-linux-gnu")))
    return str(unpacked / "usr/bin" / name), {**os.environ, "LD_LIBRARY_PATH": libraries}


def _unpack(name: str, packages: Sequence[str], folder: Path, to: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Missing(f"{name} is not on the PATH, and there is no apt-get to fetch it with: install {packages[0]}")
    folder.mkdir(parents=True, exist_ok=True)
    fetched = subprocess.run(
        ["apt-get", "download", *packages], cwd=folder, check=False, capture_output=True, text=True
    )
    if fetched.returncode:
        raise Missing(f"{name} is not on the PATH, and `apt-get download {' '.join(packages)}` failed: install it")
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, to], check=True)
