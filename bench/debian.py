"""Programs and libraries that the races need and Python does not have: unpacked from Debian's packages."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Missing(Exception):
    """Something is neither installed nor to be had; the text says what to install."""


def program(name: str, package: str, folder: Path) -> tuple[str, Mapping[str, str]]:
    """Give the path of a program and the environment to run it in: the system's own, or else its package's.

    Nothing is installed: packages are unpacked into the folder, and kept there. Raises Missing.
    """
    if installed := shutil.which(name):
        return installed, os.environ
    unpacked = folder / "root"
    if not (unpacked / "usr/bin" / name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        unpack([package], folder)
    libraries = ":".join(str(path) for path in sorted((unpacked / "usr/lib").glob("*-linux-gnu")))
    return str(unpacked / "usr/bin" / name), {**os.environ, "LD_LIBRARY_PATH": libraries}


def unpack(packages: Sequence[str], folder: Path) -> None:
    """Unpack those of the packages, and of what they need, that this system lacks, into `folder / "root"`.

    Nothing is installed. Raises Missing.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Missing(f"there is no apt-get here to fetch packages with: install {' '.join(packages)}")
    plan = _apt(["install", "--simulate", "--no-install-recommends", *packages], folder)
    lacking = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    if lacking:
        _apt(["download", *lacking], folder)
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
        package.unlink()


def _apt(arguments: Sequence[str], folder: Path) -> str:
    done = subprocess.run(["apt-get", *arguments], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"`apt-get {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout
