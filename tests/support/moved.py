"""A clock that runs ahead of the real one by as much as a test says."""

from datetime import UTC, datetime, timedelta


class Moved:
    """How far a service's clock is moved."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> timedelta:
        return self.by

    def clock(self, now: datetime) -> datetime:
        return now + self.by

    def now(self) -> datetime:
        return self.clock(datetime.now(UTC))


class Still(Moved):
    """A clock that stands still where a test does not move it, however long the test takes."""

    def __init__(self) -> None:
        super().__init__()
        self._began = datetime.now(UTC)

    def clock(self, now: datetime) -> datetime:
        return self._began + self.by
