"""What is raced: the work, how many ask, how fast, and on what disk."""

from dataclasses import dataclass

_WORK = {"pairs": "Changes (allocateAndOpenWorkItem, closeWorkItem)", "reads": "Reads (getWorkItemHeader)"}


@dataclass(frozen=True, slots=True)
class Race:
    """What is asked of each racer: pairs of changes or reads, of waiting clients, or pairs at a constant rate.

    `flush` is how many microseconds every flush to the disk takes at least; 0: as long as this disk needs.
    """

    work: str
    clients: int
    rate: float | None = None
    flush: int = 0

    @property
    def name(self) -> str:
        """What it is called in tables."""
        if self.rate is not None:
            name = f"{_WORK[self.work]}, {self.rate:,} arriving each second, {self.clients} connections"
        else:
            name = f"{_WORK[self.work]}, {self.clients} client{'s' if self.clients > 1 else ''}"
        return f"{name}, {disk(self.flush)}" if self.flush else name


def disk(flush: int) -> str:
    """Name the disk of a race."""
    return f"every flush at least {flush:,} µs" if flush else "the disk as it is"
