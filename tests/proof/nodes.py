"""The service's processes, as they stand, and as a launcher changes them; and the databases that they share."""

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from soapsvc import wiring
from soapsvc.domain.caller import SystemAction
from soapsvc.settings import Settings
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import people
from soapsvc.usecases.sign_in import hash_password
from tests.proof.operations import USERS
from tests.support.server import PASSWORD, Server

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


def prepare(url: str) -> None:
    """Make a database, and the people who work."""
    settings = Settings(database=url)
    wiring.migrate(settings)
    password_hash = hash_password(PASSWORD)

    def add(tx: Transaction) -> None:
        for name in USERS:
            people.add_person(tx, name=name, guid=f"GUID-of-{name}", password_hash=password_hash)
            for action in GRANTS:
                people.grant(tx, name, SystemAction(action))

    with wiring.opened_tenancy(settings, None) as database:
        database.write(add).result()


@dataclass(frozen=True)
class Place:
    """A database with its people in it, and how many nodes shall share it."""

    url: str
    nodes: int = 1


def prepared_sqlite(folder: Path, template: Path | None = None) -> Place:
    """Make a SQLite database in a folder, or copy one that was made."""
    file = folder / "soapsvc.db"
    place = Place(f"sqlite:///{file}")
    if template is None:
        prepare(place.url)
    else:
        shutil.copy(template, file)
    return place


class Node(Server):
    """One `soapsvc serve`, perhaps of a changed service."""

    def __init__(self, folder: Path, *, changes: str = "", **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
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
