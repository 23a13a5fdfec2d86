"""What clients asked and were told, as lines of JSON that are only ever added to, and read back as calls."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

FOREVER = 2**63
"""When a call ended that never did: it may still take effect at any time after it began."""

_ASKED = ("client", "user", "operation", "items", "token", "request", "session")
TOLD = ("seen", "fault", "parameters", "status")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Seen(NamedTuple):
    """What an answer says of an item: its version, and perhaps its state and the token in its data."""

    item: int
    version: int | None
    state: str | None = None
    token: str | None = None


class Told(NamedTuple):
    """What an answer says, as the record has it."""

    outcome: str
    seen: Sequence[Seen] = ()
    fault: str = ""
    parameters: Sequence[str] = ()
    status: str = ""


@dataclass(slots=True, kw_only=True)
class Call:
    """One request and what came of it: ok with what was seen, a typed fault, or unknown.

    `items` are the ids with the versions that were supplied. `token` is the text that a change writes into the data of
    its items, of which there is no other. `request` is its RequestID or Idempotency-Key, which repeats of it have as
    well. `session` is the GUID of the version that a call over REST is about, and `status` what it was told of that.
    Times are nanoseconds of the monotonic clock of one machine.
    """

    number: int
    client: int
    user: str
    operation: str
    items: Sequence[tuple[int, int | None]]
    begin: int
    token: str | None = None
    request: str | None = None
    session: str | None = None
    end: int = FOREVER
    outcome: str = "unknown"
    seen: Sequence[Seen] = ()
    fault: str = ""
    parameters: Sequence[str] = ()
    status: str = ""

    def __str__(self) -> str:
        asked = ", ".join(f"{item}" + ("" if version is None else f" at {version}") for item, version in self.items)
        told = self.fault and f"{self.fault} {', '.join(map(str, self.parameters))}"
        told = told or ", ".join("/".join(str(part) for part in one if part is not None) for one in self.seen)
        times = f"{self.begin / 1e9:.6f} to " + ("no end" if self.end == FOREVER else f"{self.end / 1e9:.6f}")
        told = ", ".join(part for part in (told, self.status) if part)
        extra = f" request {self.request}" if self.request else ""
        extra += f" version {self.session}" if self.session else ""
        return (
            f"call {self.number} of client {self.client} ({self.user}){extra}: {self.operation} [{asked}], {times}: "
            f"{self.outcome}{f' ({told})' if told else ''}"
        )


class Recorder:
    """Writes down calls as they begin and end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.calls = 0
        """How many there were."""

    def invoke(self, **what: Any) -> int:
        """Record that something is about to be asked; give the call's number."""
        self.calls += 1
        self._write({"call": self.calls, "type": "invoke", "at": time.monotonic_ns()} | what)
        return self.calls

    def end(self, number: int, kind: str, **what: Any) -> None:
        """Record what came of a call: ok, fail or unknown."""
        self._write({"call": number, "type": kind, "at": time.monotonic_ns()} | what)

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(_encode(line) + b"\n")


def read(path: Path) -> list[Call]:
    """Read the calls of a history file. A call without an end is unknown, as is one whose last line was cut off."""
    calls: dict[int, Call] = {}
    for line in _lines(path):
        if line["type"] == "invoke":
            calls[line["call"]] = Call(
                number=line["call"],
                client=line["client"],
                user=line["user"],
                operation=line["operation"],
                items=[(item, version) for item, version in line["items"]],
                begin=line["at"],
                token=line.get("token"),
                request=line.get("request"),
                session=line.get("session"),
            )
        else:
            _end(calls[line["call"]], line)
    return list(calls.values())


def write(path: Path, calls: Iterable[Call]) -> None:
    """Write calls as a history file has them, each call's two lines together."""
    with path.open("wb") as file:
        for call in calls:
            asked = {name: getattr(call, name) for name in _ASKED}
            file.write(_encode({"call": call.number, "type": "invoke", "at": call.begin} | asked) + b"\n")
            if call.outcome == "unknown":
                continue
            told = {name: getattr(call, name) for name in TOLD}
            file.write(_encode({"call": call.number, "type": call.outcome, "at": call.end} | told) + b"\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _decode(line)


def _end(call: Call, line: dict[str, Any]) -> None:
    call.outcome = line["type"]
    if call.outcome != "unknown":
        call.end = line["at"]
    call.seen = [Seen(*one) for one in line.get("seen", ())]
    call.fault = line.get("fault", "")
    call.parameters = line.get("parameters", ())
    call.status = line.get("status", "")
