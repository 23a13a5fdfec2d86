"""What the peers need to be built: commands that say what is missing, Debian's packages, a Python environment."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.racers import CannotRace

_LINES_OF_OUTPUT = 15


def tool(name: str, package: str) -> str:
    """Give the path of a program, or say which package brings it."""
    path = shutil.which(name)
    if path is None:
        raise CannotRace(f"{name} is not on the PATH (it comes with {package})")
    return path


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a command in a folder and give what it printed; if it fails, the racer cannot race."""
    try:
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise CannotRace(f"{command[0]} is not on the PATH") from error
    except subprocess.CalledProcessError as error:
        last = "\n".join((error.stdout + error.stderr).strip().splitlines()[-_LINES_OF_OUTPUT:])
        raise CannotRace(f"`{' '.join(map(str, command))}` ended with {error.returncode}:\n{last}") from error
    return done.stdout


def built(build: Path) -> Path:
    """Give the folder below a peer's build folder that `once` makes."""
    return build.absolute() / "built"


def once(build: Path, sources: Iterable[Path], make: Callable[[Path], None]) -> None:
    """Make what a peer needs in `build / "built"`, unless it is there already, made from the same sources."""
    folder = built(build)
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        digest.update(source.read_bytes())
    stamp = folder / "stamp"
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    stamp.write_text(digest.hexdigest())


def unpack_debian_packages(names: Sequence[str], folder: Path) -> None:
    """Unpack those of the packages, and of what they need, that this system lacks; nothing is installed."""
    tool("apt-get", "Debian and its kin")
    plan = run(["apt-get", "install", "--simulate", "--no-install-recommends", *names], folder)
    missing = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    if missing:
        run(["apt-get", "download", *missing], folder)
    for package in sorted(folder.glob("*.deb")):
        run(["dpkg", "-x", package, folder / "root"], folder)
        package.unlink()


def unpacked(folder: Path, pattern: str, package: str) -> Path:
    """Give the newest file like `usr/sbin/php-fpm*` that was unpacked, or else that the system has."""
    for root in (folder / "root", Path("/")):
        found = sorted(root.glob(pattern))
        if found:
            return found[-1]
    raise CannotRace(f"there is no /{pattern} (it comes with Debian's {package})")


def make_python_environment(requirements: Path, folder: Path) -> None:
    """Make a virtual environment in `folder / "venv"` with exactly these requirements."""
    run([sys.executable, "-m", "venv", "venv"], folder)
    pip: list[str | Path] = [
        folder / "venv/bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    run([*pip, "--requirement", requirements], folder)


def start(
    command: Sequence[str | Path], data: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a peer in its data folder, as the leader of a process group; what it prints goes to output.log there."""
    with (data / "output.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=data,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
