"""The front of the service: sends each request to its door, and answers for the service's health."""

from collections.abc import Mapping

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.exchange import Door, Refused, Request, Response
from soapsvc.storage import schema
from soapsvc.storage.database import Database

LIVE, READY = "/health/live", "/health/ready"


class Front:
    """Routes by the first part of the path, in any case: `doors` maps prefixes such as /amxbpm/ to doors."""

    def __init__(self, doors: Mapping[str, Door], database: Database) -> None:
        self._doors = doors
        self._database = database
        self.is_draining = False
        """Whether the service will stop soon: it still answers, but asks for no more requests."""

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request."""
        path = request.path
        door = self._door(path) or self._door(path.lower())
        try:
            if door is not None:
                return await door(request)
            if path in {LIVE, READY}:
                healthy = path == LIVE or await self._is_ready()
                return Response(200, b"ok\n") if healthy else Response(503, b"not ready\n")
            raise Refused(404, f"There is nothing here; the services are below {', '.join(self._doors)}")
        except Refused as refusal:
            return refusal.response

    def _door(self, path: str) -> Door | None:
        for prefix, door in self._doors.items():
            if path.startswith(prefix):
                return door
        return None

    async def _is_ready(self) -> bool:
        """Say whether both ways to the database work: the writer's too, for it may be all that is broken."""
        if self.is_draining:
            return False
        try:
            await self._database.seen(lambda tx: tx.now())
            await self._database.written(schema.touch)
        except StorageUnavailable:
            return False
        return True
