"""Deliveries: one event on its way to one receiver, what a try comes to, and when the next one is due."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

LONGEST_WAIT = timedelta(hours=24)
"""What a receiver may ask for at most by Retry-After."""

MOST_BODY_BYTES = 20_000
MOST_ANSWER_BYTES = 4_096
_MOST_DETAIL = 200
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class DeliveryState(StrEnum):
    """Where a delivery stands. All but the first are final, until somebody replays it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GONE = "gone"
    BLOCKED = "blocked"
    EXHAUSTED = "exhausted"


class Outcome(StrEnum):
    """What one try came to."""

    DELIVERED = "delivered"
    GONE = "gone"
    BUSY = "busy"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    UNSIGNABLE = "unsignable"


_FINAL = {
    Outcome.DELIVERED: DeliveryState.DELIVERED,
    Outcome.GONE: DeliveryState.GONE,
    Outcome.BLOCKED: DeliveryState.BLOCKED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending:
    """A try that is to be made: what is sent, where, and when by the database's clock.

    `tries_before` of the `attempts_before` it were made in the present round.
    """

    delivery_id: int
    attempts_before: int
    tries_before: int
    webhook_id: str
    url: str
    sealed_secret: str | None
    body: bytes
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What a try came to: the answer's status and beginning, if there was one, or why there was none.

    `retry_after` is the header as the receiver wrote it.
    """

    outcome: Outcome
    status: int | None = None
    detail: str = ""
    answer: str = ""
    retry_after: str | None = None
    milliseconds: int = 0

    @classmethod
    def answered(cls, status: int, *, answer: bytes = b"", retry_after: str | None = None) -> "Attempt":
        """Judge an answer by its status; of its body no more is kept than a log should hold."""
        text = answer[:MOST_ANSWER_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")
        return cls(outcome=_outcome_of(status), status=status, answer=text, retry_after=retry_after)

    @classmethod
    def failed(cls, outcome: Outcome, detail: str) -> "Attempt":
        """Say why there was no answer."""
        return cls(outcome=outcome, detail=detail[:_MOST_DETAIL])


def _outcome_of(status: int) -> Outcome:
    if status in range(200, 300):
        return Outcome.DELIVERED
    return {410: Outcome.GONE, 429: Outcome.BUSY, 503: Outcome.BUSY}.get(status, Outcome.REFUSED)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptEntry:
    """A try as the log has it."""

    number: int
    at: datetime
    milliseconds: int
    outcome: Outcome
    status: int | None
    detail: str
    answer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One event on its way to one receiver: the same bytes and the same webhook id over all tries.

    `attempts_before` of its `attempts` belong to earlier rounds: a replay starts a new one.
    """

    id: int
    work_item_id: int
    version_guid: str
    webhook_id: str
    url: str
    body: bytes
    is_signed: bool
    sealed_secret: str | None
    state: DeliveryState
    attempts: int
    attempts_before: int
    due_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How long to wait after each failed try of a round, and by what share of it the wait may differ by chance."""

    delays: tuple[timedelta, ...] = tuple(
        timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    )
    jitter: float = 0.2

    def due_after(self, tries: int, *, now: datetime, not_before: datetime | None, chance: float) -> datetime | None:
        """Give when to try again after so many tries, or None after the last.

        `chance` is from 0 up to 1. What the receiver asked for counts where it is later, up to LONGEST_WAIT from now.
        """
        if tries > len(self.delays):
            return None
        planned = now + self.delays[tries - 1] * (1 + self.jitter * (2 * chance - 1))
        return planned if not_before is None else max(planned, min(not_before, now + LONGEST_WAIT))


def state_after(outcome: Outcome, due_at: datetime | None) -> DeliveryState:
    """Say where a delivery stands after a try, if the next one would be due then; None means that there is none."""
    return _FINAL.get(outcome) or (DeliveryState.EXHAUSTED if due_at is None else DeliveryState.PENDING)


def is_final(outcome: Outcome) -> bool:
    """Say whether no further try follows, whatever number of them is left."""
    return outcome in _FINAL


def asked_moment(retry_after: str | None, now: datetime) -> datetime | None:
    """Read Retry-After (RFC 9110, 10.2.3): seconds or a date. None where there is none, or it says nothing."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return now + timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
