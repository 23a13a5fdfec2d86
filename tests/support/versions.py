"""What tests of versions share: an item with a version that ana has open, and operations on it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soapsvc.domain.caller import Caller
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.version_session import Callback, OperationKind, OperationRequest, VersionSession
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.storage import jobs, sessions, work_items
from soapsvc.storage.database import InTenancy
from soapsvc.storage.jobs import Job
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import scheduling, version_operations, versions
from soapsvc.usecases.version_operations import Accepted
from soapsvc.usecases.versions import Target

NOTES = Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True, length=20)
KINDS = tuple(OperationKind)
CALLBACK = Callback(url="https://example.org/told", sealed_secret="sealed", fingerprint="one")


@dataclass
class Versions:
    """A database with ana, who opens versions of items and asks for operations on them."""

    database: InTenancy
    caller: Caller
    told: list[Any] = field(default_factory=list)
    """What was recorded for callbacks, whether or not it was committed."""

    def write(self, unit: Callable[[Transaction], Any]) -> Any:
        return self.database.write(unit).result(10)

    def open(self, *, package: str | None = None, answers: Any = None, **properties: Any) -> Target:
        """Open a version of a new item, which is at version 1 then."""
        new = NewWorkItem(name="Review claim", template_package_id=package, **properties)
        item = self.write(lambda tx: scheduling.create_item(tx, new, [NOTES], ["ana"]))
        target = Target(item=item.guid, session=str(uuid.uuid4()))
        self.write(lambda tx: versions.begin_version(tx, self.caller, target, answers=answers))
        return target

    def request(self, kind: OperationKind, **options: Any) -> OperationRequest:
        return OperationRequest(id=str(uuid.uuid4()), kind=kind, **options)

    def accept(self, target: Target, request: OperationRequest) -> Accepted:
        return self.write(lambda tx: version_operations.accept(tx, self.caller, target, request))

    def claim(self, kind: str, *, later: float = 0.0) -> Job:
        """Claim the one job of this kind that is due, or will be so many seconds later."""

        def unit(tx: Transaction) -> Job:
            now = tx.now() + timedelta(seconds=later)
            tx.now = lambda: now  # type: ignore[method-assign]
            (job,) = jobs.claim(tx, kind, most=10, length=timedelta(seconds=15))
            return job

        return self.write(unit)

    def record(self, tx: Transaction, finished: Any) -> None:
        self.told.append(finished)

    def finish(self, job: Job, made: Any = ()) -> None:
        self.write(lambda tx: version_operations.finish(tx, job, made, record_delivery=self.record))

    def fail(self, job: Job, error: Any) -> None:
        self.write(lambda tx: version_operations.fail(tx, job, error, record_delivery=self.record))

    def item(self, target: Target) -> WorkItem:
        return self.database.read(lambda tx: work_items.get(tx, versions.reference(tx, target.item, None).id)).result(
            10
        )

    def session(self, target: Target) -> VersionSession:
        return self.database.read(lambda tx: sessions.find(tx, target.session)).result(10)
