"""WorkListChangeService, our own: tells when a work list has changed."""

from dataclasses import dataclass
from typing import Any

from spyne.model.primitive import Boolean, Integer32, Unicode
from spyne.service import Service

from soapsvc.domain.errors import InvalidRequest
from soapsvc.soap import faults, namespaces, types
from soapsvc.soap.operations import Call, operation
from soapsvc.storage.list_changes import ListChanges
from soapsvc.usecases import work_lists

DEFAULT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an answer waits for: a change of one of these lists after a point, for so many seconds in all."""

    changes: ListChanges
    watch: work_lists.Watch
    point: int
    seconds: int

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self.watch.has_changed or self.changes.is_closed

    @property
    def answer(self) -> tuple[bool, str]:
        """The members of the response; when the service is about to stop, the client shall look for itself."""
        return self.is_over, self.watch.mark

    async def woken(self, seconds: float) -> bool:
        """Wait at most so long, and say whether to look again. Raises TooManyWaiting."""
        return await self.changes.wait(self.watch.lists, self.point, seconds)


class WorkListChangeService(Service):
    """Changes of work lists."""

    namespace = namespaces.SERVICE

    @operation(
        types.optional(types.XmlModelEntityId),
        types.optional(Unicode),
        types.optional(Integer32),
        result=(("changed", types.one(Boolean)), ("changeMark", types.one(Unicode))),
        faults=(faults.InvalidEntityFault, faults.InternalServiceFault, faults.SecurityFault),
        writes=False,
        waits=True,
    )
    def awaitWorkListChange(call: Call, entityID: Any, changeMark: Any, timeout: Any) -> Any:
        """Answer as soon as a work list has changed, or when the time is up."""
        seconds = DEFAULT_SECONDS if timeout is None else timeout
        if not 0 <= seconds <= call.limits.wait_seconds:
            raise InvalidRequest(f"Nobody waits for less than 0 or more than {call.limits.wait_seconds} seconds")
        guid = entityID.guid.strip() if entityID is not None else None
        watch = work_lists.watched(call.tx, call.caller, guid, (changeMark or "").strip())
        return Waiting(call.tx.memory.memories.lists, watch, call.tx.memory.list_changes_seen, seconds)
