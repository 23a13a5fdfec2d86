"""Notes sign-ins and refusals while requests are answered, to record them a moment later and not all one by one.

Who floods the service with requests that it refuses shall not fill its disk, nor push out what others do.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby

from soapsvc.domain.audit import AuditKind
from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import Claim
from soapsvc.domain.organisation import Entity
from soapsvc.storage import people, principals
from soapsvc.storage.database import Clock, Database, real_time
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit

WINDOW = timedelta(minutes=1)
"""How long alike refusals are counted together."""

MOST_KINDS_OF_REFUSALS = 50
"""How many different refusals of one kind are told apart within a window; the others are counted as one."""

SIGN_IN_LASTS = timedelta(hours=1)
"""How long somebody who signs in again from the same address is not recorded again."""

MOST_SIGN_INS_REMEMBERED = 10_000
MOST_WAITING = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Event:
    """What is to be recorded; `claimed` is the name that somebody gave who did not sign in."""

    tenancy: int
    kind: AuditKind
    actor: Entity | None = None
    address: str | None = None
    claimed: str | None = None
    subject: str = ""
    detail: str = ""
    at: datetime | None = None


@dataclass(slots=True)
class _Window:
    """How often something was refused since its first time, which is recorded already."""

    since: datetime
    times: int = 0


class Witness:
    """Knows what is to be recorded; one for a whole service.

    `signed_in`, `sign_in_refused` and `refused` cost a look into a dictionary. `flush` records what they noted, in one
    unit of work. What was noted and not yet flushed is lost with the process.
    """

    def __init__(self, database: Database, *, clock: Clock = real_time) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[_Event] = []
        self._lost: Counter[int] = Counter()
        self._windows: dict[_Event, _Window] = {}
        self._signed_in: OrderedDict[tuple[int, int, str | None], datetime] = OrderedDict()

    def signed_in(self, caller: Caller, address: str | None) -> None:
        """Note that somebody has signed in; recorded once an hour for each address."""
        who = (caller.tenancy, caller.person.id, address)
        now = self._now()
        known = self._signed_in.get(who)
        if known is not None and now - known < SIGN_IN_LASTS:
            return
        self._signed_in[who] = now
        self._signed_in.move_to_end(who)
        if len(self._signed_in) > MOST_SIGN_INS_REMEMBERED:
            self._signed_in.popitem(last=False)
        self._await(
            _Event(tenancy=caller.tenancy, kind=AuditKind.SIGN_IN, actor=caller.person, address=address, at=now)
        )

    def sign_in_refused(self, claimed: Claim, address: str | None) -> None:
        """Note that somebody gave a name and wrong credentials, or those of a disabled account."""
        self._count(
            _Event(
                tenancy=claimed.tenancy,
                kind=AuditKind.SIGN_IN_REFUSED,
                address=address,
                claimed=claimed.name[:_LONGEST],
            )
        )

    def refused(self, caller: Caller, address: str | None, *, operation: str, items: Sequence[str] = ()) -> None:
        """Note that somebody asked for an operation that he may not do, on these items."""
        named = ", ".join(items[:_MOST_NAMED]) + (", …" if len(items) > _MOST_NAMED else "")
        subject = f"{operation}: {'work item' if len(items) == 1 else 'work items'} {named}" if items else operation
        self._count(
            _Event(
                tenancy=caller.tenancy,
                kind=AuditKind.REFUSAL,
                actor=caller.person,
                address=address,
                subject=subject,
            )
        )

    async def flush(self) -> None:
        """Record what was noted. Raises what the database raises; then it waits for the next time."""
        events = self._take(all_windows=False)
        if not events:
            return
        try:
            await self._database.written(partial(_record, events=events), is_long=True)
        except Exception:
            for event in events:
                self._await(event)
            raise

    def close(self) -> None:
        """Record what was noted, with the counts so far. Raises what the database raises."""
        events = self._take(all_windows=True)
        if events:
            self._database.write(partial(_record, events=events)).result()

    def _now(self) -> datetime:
        return self._clock(datetime.now(UTC))

    def _count(self, event: _Event) -> None:
        """Record the first of what is alike at once, and how many more there were when its minute is over."""
        now = self._now()
        window = self._windows.get(event)
        if window is None and self._is_full_of(event):
            event = _Event(tenancy=event.tenancy, kind=event.kind, detail=_OTHERS)
            window = self._windows.get(event)
        if window is None:
            self._windows[event] = _Window(now)
            self._await(replace(event, at=now))
        else:
            window.times += 1

    def _is_full_of(self, event: _Event) -> bool:
        alike = sum(one.kind is event.kind and one.tenancy == event.tenancy for one in self._windows)
        return alike >= MOST_KINDS_OF_REFUSALS

    def _await(self, event: _Event) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(event)
        else:
            self._lost[event.tenancy] += 1

    def _take(self, *, all_windows: bool) -> list[_Event]:
        now = self._now()
        for event, window in list(self._windows.items()):
            if all_windows or now - window.since >= WINDOW:
                del self._windows[event]
                if window.times:
                    self._await(replace(event, detail=_more(event, window.times), at=now))
        events, self._waiting = self._waiting, []
        lost, self._lost = self._lost, Counter()
        for tenancy, times in lost.items():
            kind = AuditKind.ENTRIES_LOST
            events.append(_Event(tenancy=tenancy, kind=kind, detail=f"{times} came too fast", at=now))
        return events


_LONGEST = 100
_MOST_NAMED = 10
_OTHERS = "others, too many to tell apart"


def _more(event: _Event, times: int) -> str:
    return f"{event.detail}, {times} more" if event.detail else f"{times} more"


def _record(tx: Transaction, events: Sequence[_Event]) -> None:
    for tenancy, group in groupby(sorted(events, key=_tenancy_of), key=_tenancy_of):
        tx.tenancy = tenancy
        for event in group:
            subject = event.subject if event.claimed is None else _account(tx, event.claimed)
            audit.record(
                tx,
                event.kind,
                actor=event.actor,
                address=event.address,
                subject=subject,
                detail=event.detail,
                at=event.at,
            )


def _tenancy_of(event: _Event) -> int:
    return event.tenancy


def _account(tx: Transaction, claimed: str) -> str:
    """Give a claimed name if somebody has it: else it may be a password that was typed into the wrong field."""
    client, divider, name = claimed.partition("/")
    is_known = people.find_resource_by_name(tx, claimed) or (divider and principals.find(tx, client, name))
    return claimed if is_known else "an unknown name"
