"""A real server process on a real file, to call over a socket, to stop and to kill."""

import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from soapsvc import cli

PAUSE_SECONDS = 0.02
PASSWORD = "correct horse"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`soapsvc serve` in a folder of its own; commands run on the same database."""

    PROGRAM: tuple[str, ...] = ("-m", "soapsvc")
    """What Python runs; in place of it may stand a program that changes the service before it serves."""
    STARTUP_SECONDS = 20.0

    def __init__(self, folder: Path, *options: str, **variables: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.options = options
        self.environment = clean_environment() | variables
        self.process: subprocess.Popen[str] | None = None
        self.context: ssl.SSLContext | None = None
        """How the test itself asks a server that speaks TLS."""
        self.output = folder / "output.txt"
        self.log = folder / "log.txt"

    @property
    def address(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        with self.output.open("a") as output, self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.PROGRAM, "serve", "--port", str(self.port), *self.options],
                cwd=self.folder, env=self.environment, stdout=output, stderr=log, text=True,
            )  # fmt: skip
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        pause = threading.Event()
        deadline = time.monotonic() + self.STARTUP_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, f"the server ended: {self.log.read_text()}"
            try:
                with urlopen(f"{self.address}/health/ready", timeout=5, context=self.context) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                pause.wait(PAUSE_SECONDS)  # its processor is needed for what is waited for
        raise AssertionError(f"the server was not ready in {self.STARTUP_SECONDS} s: {self.log.read_text()}")

    def kill(self) -> None:
        """End it as a power cut would: without a chance to do anything."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it as an operator would; give its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(20)

    def run(self, *arguments: str, stdin: str | None = None) -> "Ended":
        return run_command(self.folder, *arguments, stdin=stdin, environment=self.environment)

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def add_user(self, name: str, *options: str) -> None:
        result = self.run("user", "add", name, "--password-stdin", *options, stdin=f"{PASSWORD}\n")
        assert result.returncode == 0, result.stderr


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SOAPSVC_")}


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def run_command(
    folder: Path, *arguments: str, stdin: str | None = None, environment: dict[str, str] | None = None
) -> Ended:
    """Run a soapsvc command to its end: `serve` in a process of its own, the others, for speed, in this one."""
    environment = environment or clean_environment()
    if arguments[0] != "serve":
        return _run_here(folder, arguments, stdin or "", environment)
    result = subprocess.run(
        [sys.executable, "-m", "soapsvc", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(result.returncode, result.stdout, result.stderr)


def _run_here(folder: Path, arguments: tuple[str, ...], stdin: str, environment: dict[str, str]) -> Ended:
    before, argv, standard_input = dict(os.environ), sys.argv, sys.stdin
    sys.argv, sys.stdin = ["soapsvc", *arguments], io.StringIO(stdin)
    stdout, stderr = io.StringIO(), io.StringIO()
    code: object = 0
    try:
        os.environ.clear()
        os.environ.update(environment)
        with chdir(folder), redirect_stdout(stdout), redirect_stderr(stderr):
            cli.main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv, sys.stdin = argv, standard_input
        os.environ.clear()
        os.environ.update(before)
    if isinstance(code, str):  # what the interpreter would print at its end
        return Ended(1, stdout.getvalue(), f"{stderr.getvalue()}{code}\n")
    return Ended(int(str(code)), stdout.getvalue(), stderr.getvalue())
