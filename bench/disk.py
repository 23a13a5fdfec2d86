"""The disk of a race: how long its flushes take, and how to make them take longer, alike for all racers."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SOURCE = Path(__file__).parent / "slow_flush.c"
_TRIES = 200
_PAGE = b"\0" * 4096


class NoCompiler(Exception):
    """Flushes cannot be made slower here; the text says why."""


def flush_microseconds(folder: Path) -> float:
    """Measure how long it takes to put one more page of a file on the disk of this folder: the median of many."""
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_TRIES):
            file.write(_PAGE)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def prepare(tools: Path) -> None:
    """Build what makes flushes slower. Raises NoCompiler."""
    tools.mkdir(parents=True, exist_ok=True)
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(_library(tools)), str(_SOURCE), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise NoCompiler(f"there is no C compiler, or it failed: {error}") from error


@contextmanager
def flushes_of(least_microseconds: int, tools: Path) -> Iterator[None]:
    """Let every program that is started meanwhile flush that slowly; 0 leaves all as it is."""
    if not least_microseconds:
        yield
        return
    added = {"LD_PRELOAD": str(_library(tools).absolute()), "FLUSH_MICROSECONDS": str(least_microseconds)}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _library(tools: Path) -> Path:
    return tools / "slow_flush.so"
