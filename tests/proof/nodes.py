"""The service's processes, as they stand, and as a launcher changes them; and the databases that they share."""

import signal
from pathlib import Path

from tests.proof.operations import USERS
from tests.support.server import Server

ROOT = Path(__file__).parents[2]
GRANTS = (
    "workItemAllocation",
    "openOtherResourcesItems",
    "closeOtherResourcesItems",
    "reallocateToOfferSet",
    "changeAnyWorkItemPriority",
    "scheduleWorkItem",
    "viewWorkList",
)


class Node(Server):
    """One `soapsvc serve`, perhaps of a changed service."""

    def __init__(self, folder: Path, *, changes: str = "", **variables: str) -> None:
        super().__init__(folder, **({"PYTHONPATH": str(ROOT), "SOAPSVC_LOG_LEVEL": "error"} | variables))
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

    def prepare(self) -> None:
        """Make the database, and the people who work."""
        assert self.run("migrate").returncode == 0
        for name in USERS:
            self.add_user(name, "--guid", f"GUID-of-{name}")
            for action in GRANTS:
                assert self.run("user", "grant", name, action).returncode == 0

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
