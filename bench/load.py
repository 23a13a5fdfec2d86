"""Drives a load generator against a racer: wrk for waiting clients, bench.arrivals for a constant rate."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import debian, ledger, messages
from bench.racers import ROOT

_SCRIPT = Path(__file__).parent / "requests.lua"
PACKAGES = ("wrk", "libluajit-5.1-2", "libluajit-5.1-common", "libssl3")
_SPARE_SECONDS = 60.0

Outcome = dict[str, Any]
"""What a generator counted: seconds, sent, good, wrong, unreadable, statuses, socket_errors, milliseconds …"""


class LoadFailed(Exception):
    """A load generator ended with an error; the text is the last line that it printed."""


def without_place(text: str) -> str:
    """Take out of a text where this checkout lies: results may be published."""
    return text.replace(f"{ROOT}/", "")


@dataclass
class Load:
    """The requests to one database, over one or more runs of the generators; `unanswered` counts over all of them."""

    folder: Path
    tools: Path
    port: int
    unanswered: int = 0

    def __post_init__(self) -> None:
        messages.write(self.folder, self.port)
        ledger.write(self.folder, ledger.fresh())

    def closed(self, work: str, clients: int, seconds: float) -> Outcome:
        """Let so many clients send their next request when they have the answer to the last. Raises LoadFailed."""
        wrk, environment = debian.program("wrk", PACKAGES, self.tools)
        # wrk knows whole seconds only.
        command = [wrk, "-t1", f"-c{clients}", f"-d{round(seconds)}s", "--timeout", "30s", "-s", _SCRIPT]
        command += [f"http://127.0.0.1:{self.port}{messages.PATH}", "--", self.folder, work]
        return self._run(command, environment, seconds)

    def at_rate(self, rate: float, connections: int, seconds: float) -> Outcome:
        """Send changes at a constant rate. Raises LoadFailed."""
        command = [sys.executable, "-m", "bench.arrivals", self.folder, self.port, connections, rate, seconds]
        return self._run(command, None, seconds)

    def ledger(self) -> ledger.Ledger:
        """Give what was acknowledged so far."""
        return ledger.read(self.folder)

    def _run(self, command: list[Any], environment: Any, seconds: float) -> Outcome:
        outcome_file = self.folder / "outcome.json"
        outcome_file.unlink(missing_ok=True)
        done = subprocess.run(
            list(map(str, command)),
            cwd=ROOT,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds + _SPARE_SECONDS,
        )
        if done.returncode or not outcome_file.exists():
            raise LoadFailed(without_place((done.stderr or done.stdout).strip().splitlines()[-1]))
        outcome: Outcome = json.loads(outcome_file.read_text())
        # What was sent has an answer, whatever it says, or it is one of these.
        outcome["unanswered"] = outcome["sent"] - sum(outcome["statuses"].values())
        self.unanswered += outcome["unanswered"]
        return outcome
