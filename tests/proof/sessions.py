"""The rules of versions that have a GUID: what ends them is accepted, keeps the item, and ends once.

The end of a version is nobody's answer: who asks for it may be told that it goes on. So the stored operation says which
history row is whose, and the calls only have to agree with it. Every rule looks at each call and each row once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.proof.explaining import LATEST, Explained, Request, claim
from tests.proof.operations import BEGIN, ENDS, FAILED, FINAL, STARTED, STATUS, SUCCEEDED, session_token
from tests.proof.order import Windows
from tests.proof.record import FOREVER, Call
from tests.proof.stored import Operation, Stored
from tests.proof.violations import Rule, Violation

GIVEN_UP = "BRM_VERSION_OPERATION_GIVEN_UP"
"""The only reason for which an operation of the proof may fail: it was killed as often as it was tried."""


class Sessions:
    """The operations of all versions, with the calls that asked for them."""

    def __init__(self, calls: Iterable[Call], stored: Stored) -> None:
        self._stored = stored
        self._calls: dict[tuple[str, str], list[Call]] = defaultdict(list)
        self._about = [call for call in calls if call.session is not None]
        self._of_session: dict[str, list[Operation]] = defaultdict(list)
        self._at: dict[tuple[int, int], list[Operation]] = defaultdict(list)
        for call in self._about:
            if call.operation in ENDS:
                self._calls[call.session or "", call.operation].append(call)
        for operation in stored.operations:
            self._of_session[operation.session].append(operation)
            self._at[operation.item, operation.accepted].append(operation)

    def explain(self, explained: Explained) -> None:
        """Say which requests made the rows that ended versions, and check all that is stored of operations."""
        for left in self._stored.left:
            explained.violations.append(Violation(Rule.ENDED, None, detail=left))
        for session, operations in self._of_session.items():
            done = [one for one in operations if one.is_finished and one.error is None]
            if len(done) > 1:
                calls = self._calls[session, done[0].kind]
                explained.violations.append(Violation(Rule.ONE_OPERATION, done[0].item, calls, f"there are {done}"))
            for operation in operations:
                asked = [call for call in self._asked_for(operation) if call.outcome != "fail"]
                explained.violations += self._check_operation(operation, asked)
                if asked and operation.is_finished and operation.error is None:
                    told = [call for call in asked if call.status in FINAL]
                    request = Request(asked, min(call.begin for call in asked), told)
                    claim(request, operation.item, operation.accepted + 1, explained)

    def _asked_for(self, operation: Operation) -> Iterable[Call]:
        calls = self._calls.get((operation.session, operation.kind), ())
        return (call for call in calls if call.user == operation.actor)

    def _check_operation(self, operation: Operation, asked: Sequence[Call]) -> Iterable[Violation]:
        item, next_one = operation.item, operation.accepted + 1
        if not asked:
            yield Violation(Rule.ASKED_FOR, item, detail=f"nobody asked for {operation}")
        if not operation.is_finished:
            yield Violation(Rule.ENDED, item, asked, f"it is {operation}")
        elif operation.error is not None:
            if operation.error != GIVEN_UP or operation.version != operation.accepted:
                yield Violation(Rule.FAILED, item, asked, f"it is {operation}")
        else:
            yield from self._check_end(operation, asked)
        supplied = {call.items[0][1] for call in asked}
        if asked and not supplied & {*LATEST, operation.accepted}:
            yield Violation(Rule.ACCEPTED, item, asked, f"it was accepted at version {operation.accepted}")
        rows = self._stored.rows.get(item, ())
        if operation.accepted >= len(rows) or rows[operation.accepted].state_after != "OPENED":
            yield Violation(Rule.ACCEPTED, item, asked, f"the item was not open at {next_one - 1}")

    def _check_end(self, operation: Operation, asked: Sequence[Call]) -> Iterable[Violation]:
        item, next_one = operation.item, operation.accepted + 1
        session = self._stored.sessions.get(operation.session)
        expected = (item, SUCCEEDED[operation.kind], next_one)
        if session is None or (session.item, session.state, session.ended) != expected:
            yield Violation(Rule.ENDED, item, asked, f"the version is {session}, and its operation {operation}")
        if operation.version != next_one:
            yield Violation(Rule.ONE_STEP, item, asked, f"the operation is {operation}")
        rows = self._stored.rows.get(item, ())
        row = rows[next_one] if next_one < len(rows) else None
        token = session_token(operation.session)
        if row is None or (row.action, row.actor, row.token) != (ENDS[operation.kind], operation.actor, token):
            yield Violation(Rule.KEPT, item, asked, f"the next row is {row}")

    def was_at_work(self, item: int, state: str, during: range, until: int) -> bool:
        """Say whether an operation can have been at work on an item, at a version that was current meanwhile."""
        return any(
            STARTED[one.kind] == state and min((call.begin for call in self._asked_for(one)), default=FOREVER) <= until
            for version in during
            for one in self._at.get((item, version), ())
        )

    def check(self, windows: Mapping[int, Windows]) -> Iterable[Violation]:
        """Look whether what each call was told of a version can be."""
        running_since: dict[str, int] = {}
        for call in self._about:
            if call.outcome == "ok" and call.operation != BEGIN and call.status != "In Progress":
                running_since[call.session or ""] = min(running_since.get(call.session or "", FOREVER), call.end)
        for call in self._about:
            if call.outcome == "ok" and call.operation == BEGIN:
                yield from self._check_begun(call)
            elif call.outcome == "ok":
                yield from self._check_status(call, running_since.get(call.session or "", FOREVER))
            elif call.outcome == "fail":
                yield from self._check_refusal(call, windows)

    def _check_begun(self, call: Call) -> Iterable[Violation]:
        session, ((item, version, *_),) = self._stored.sessions.get(call.session or ""), call.seen
        if session is None or (session.item, session.opened) != (item, version):
            yield Violation(Rule.BEGUN, item, [call], f"the version is {session}")

    def _check_status(self, call: Call, running_since: int) -> Iterable[Violation]:
        session, operations = self._stored.sessions.get(call.session or ""), self._of_session[call.session or ""]
        ((item, version, *_),) = call.seen
        version = -1 if version is None else version
        if session is None:
            is_true = False
        elif call.status in STARTED.values():
            is_true = any((STARTED[one.kind], one.accepted) == (call.status, version) for one in operations)
        elif call.status in FINAL:
            is_true = session.state == call.status and session.ended is not None and session.ended <= version
        elif call.status == "In Progress":
            is_true = session.opened <= version and (session.ended is None or version < session.ended)
            is_true &= call.operation == STATUS and (
                call.begin <= running_since or any(one.error is not None for one in operations)
            )
        else:
            is_true = any(FAILED[one.kind] == call.status and one.error is not None for one in operations)
        if not is_true:
            yield Violation(Rule.STATUS, item, [call], f"the version is {session}, with {operations}")

    def _check_refusal(self, call: Call, windows: Mapping[int, Windows]) -> Iterable[Violation]:
        """Look at what only versions with a GUID are refused for; the rest is as over SOAP."""
        item = call.items[0][0]
        during = windows[item].during(call.begin, call.end) if item in windows else range(1)
        last, first = during.stop - 1, during.start
        session = self._stored.sessions.get(call.session or "")
        if call.fault == "version-unknown" and call.operation != BEGIN:
            is_true = session is None or first < session.opened
        elif call.fault == "version-in-progress" and call.operation == BEGIN:
            other = self._stored.sessions.get(call.parameters[1])
            is_true = other is not None and other.item == item and other.opened <= last
            is_true &= other is not None and (other.ended is None or first < other.ended)
        elif call.fault == "operation-conflict" and call.operation in ENDS:
            state = call.parameters[1]
            is_true = state != STARTED[call.operation] and self.was_at_work(item, state, during, call.end)
        elif is_about_session(call):
            state = call.parameters[1]
            is_true = session is not None and session.state == state != SUCCEEDED[call.operation]
            is_true &= session is not None and session.ended is not None and session.ended <= last
        else:
            return
        if not is_true:
            yield Violation(
                Rule.REFUSED, item, [call], f"the version is {session}, and the item's {during} were current"
            )


def is_about_session(call: Call) -> bool:
    """Say whether a call was refused because of the state of a version, and not of its item."""
    return call.fault == "InvalidWorkItemFault" and call.operation in ENDS and call.parameters[2] == call.operation


def is_known_refusal(call: Call) -> bool:
    """Say whether a call may be refused so, if it is true."""
    wanted = {"version-unknown": {*ENDS, STATUS}, "version-in-progress": {BEGIN}, "operation-conflict": {*ENDS}}
    return call.operation in wanted.get(call.fault, ())
