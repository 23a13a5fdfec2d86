"""The service's processes, as they stand, and as a launcher changes them."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.support.server import PAUSE_SECONDS, Server

ROOT = Path(__file__).parents[2]
SHORT = {
    "SOAPSVC_SAVE_AND_CLOSE_SESSION_SYNCHRONOUS_TIMEOUT_MS": "1000",
    "SOAPSVC_SAVE_AND_CLOSE_SESSION_SYNCHRONOUS_POLLING_INTERVAL_MS": "200",
    "SOAPSVC_COMPLETE_SESSION_SYNCHRONOUS_TIMEOUT_MS": "1000",
    "SOAPSVC_COMPLETE_SESSION_SYNCHRONOUS_POLLING_INTERVAL_MS": "200",
    "SOAPSVC_LEASE_SECONDS": "2",
}
"""What would else be too long to happen within a run: nobody waits for a second, and leases run out."""


class Node(Server):
    """One `soapsvc serve`, perhaps of a changed service."""

    STARTUP_SECONDS = 90.0

    def __init__(self, folder: Path, *, changes: str = "", **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, **({"PYTHONPATH": str(ROOT), "SOAPSVC_LOG_LEVEL": "error"} | SHORT | variables))
        if changes:
            self.PROGRAM = ("-m", "tests.proof.mutants", changes)

    def pause(self) -> None:
        """Let it stand still, as a machine does that is out of memory."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on as if nothing had happened."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End it whatever it is doing."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def broken_chains(self) -> list[int]:
        """Have the service verify the histories; give the ids that it complains of."""
        done = self.run("items", "verify")
        if done.returncode == 0:
            return []
        return [int(word) for word in done.stderr.partition("of the work items")[2].replace(",", " ").split()]


class Worker(Node):
    """One `soapsvc work`, beside the nodes."""

    def start(self) -> None:
        self.output.write_text("")
        with self.output.open("a") as output, self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.PROGRAM, "work"],
                cwd=self.folder, env=self.environment, stdout=output, stderr=log, text=True,
            )  # fmt: skip
        pause, deadline = threading.Event(), time.monotonic() + self.STARTUP_SECONDS
        while "is working on" not in self.output.read_text():
            assert self.process.poll() is None, f"the worker ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"the worker did not begin in {self.STARTUP_SECONDS} s"
            pause.wait(PAUSE_SECONDS)
