"""What it costs a request to prove who sends it: each form of signing in, against the same message taken at its word.

Run it with `make bench-sign-in`. Requests go into the application without a socket, one after the other, in turns of
both kinds. Times are those of the processor, of all threads of the process, its own and the kernel's.
"""

import argparse
import asyncio
import base64
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from rich.console import Console
from rich.table import Table

from bench.messages import PATH
from bench.racers import PASSWORD, PERSON
from soapsvc import serving
from soapsvc.domain.caller import Caller
from soapsvc.domain.credentials import Scope
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.exchange import Door, HeaderFields, Request
from soapsvc.front import Front
from soapsvc.settings import Settings
from soapsvc.soap import contract
from soapsvc.soap.application import DoorLimits, SoapApplication
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import people, principals, scheduling
from soapsvc.usecases.sign_in import hash_password

MOST = 1.10
"""How much dearer a request may be than one that nobody proves."""

ONCE = "UsernameToken, Nonce"
"""The one form that writes to the database, and waits for the disk: no promise is made of it."""

_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_FORM = "application/x-www-form-urlencoded"


class AtHisWord:
    """Takes everybody for the one person that there is, whatever is shown: a doorkeeper that costs nothing."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def check_lifetime(self, lifetime: object) -> None:
        """Let it pass."""

    async def caller(self, *_: object, **__: object) -> Caller:
        """Give the person."""
        return self._caller


@dataclass(frozen=True)
class Form:
    """A way of signing in: what gives the body of a message, and its Authorization."""

    body: Callable[[], bytes]
    authorization: str = ""


def main() -> None:
    """Measure each form, in so many turns of so many requests, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--requests", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = _measured(Path(folder), arguments.turns, arguments.requests)
    table = Table("form", "taken at its word µs", "proven µs", "ratio", f"at most {MOST}", box=None)
    for name, (plain, proven) in rows.items():
        # Of neighbours in time, for both meet the same other work on the machine.
        ratio = statistics.median(one / other for one, other in zip(proven, plain, strict=True))
        verdict = "-" if name == ONCE else "met" if ratio <= MOST else "NOT met"
        cells = (f"{statistics.median(plain):.0f}", f"{statistics.median(proven):.0f}", f"{ratio:.3f}", verdict)
        table.add_row(name, *cells)
    Console(width=120).print(table)


def _measured(folder: Path, turns: int, count: int) -> dict[str, tuple[list[float], list[float]]]:
    """Give what a request took in each turn, taken at its word and proven, by the form of signing in."""
    settings = Settings(database=f"sqlite:///{folder / 'bench.db'}", throttle_seconds=0)
    with serving.opened_service(settings) as service:
        caller = service.default_tenancy.write(_furnish).result()
        trusting = SoapApplication(
            service.database,
            AtHisWord(replace(caller, tenancy=service.default_tenancy.tenancy)),  # type: ignore[arg-type]
            service.witness,
            public_url=settings.address,
            limits=DoorLimits(body_seconds=settings.body_seconds),
        )
        front = Front({contract.BASE_PATH: trusting}, service.database)
        return asyncio.run(_in_turns(service.application, front, turns, count))


def _furnish(tx: Transaction) -> Caller:
    secret_hash = hash_password(PASSWORD)
    person = people.add_person(tx, name=PERSON, guid=None, password_hash=secret_hash)
    principals.add(
        tx, client="bench", name=PERSON, person=None, scope=Scope.ROOT, secret_hash=secret_hash, lifetime=None
    )
    scheduling.create_items(tx, new=NewWorkItem(name="Bench"), offer_to=[PERSON], count=1)
    return Caller(person=person, tenancy=0)


async def _in_turns(
    proving: Door, trusting: Door, turns: int, count: int
) -> dict[str, tuple[list[float], list[float]]]:
    forms = _forms(await _token(proving))
    measured: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in forms}
    for turn in range(turns + 1):
        for name, form in forms.items():
            both = list(zip((trusting, proving), measured[name], strict=True))
            for application, times in both if turn % 2 else reversed(both):  # A B, B A, A B: neither is always first
                bodies = [form.body() for _ in range(count)]
                started = time.process_time()
                for body in bodies:
                    await _post(application, body, form.authorization)
                if turn:  # the first warms up
                    times.append((time.process_time() - started) / len(bodies) * 1e6)
    return measured


def _forms(token: str) -> dict[str, Form]:
    basic = base64.b64encode(f"{PERSON}:{PASSWORD}".encode()).decode()
    plain = _message("")
    by_token, stamped = _message(_security(_username_token())), _message(_security(_username_token(), stamp=True))
    return {
        "HTTP Basic": Form(lambda: plain, f"Basic {basic}"),
        "UsernameToken": Form(lambda: by_token),
        "UsernameToken, Timestamp": Form(lambda: stamped),
        "Bearer token": Form(lambda: plain, f"Bearer {token}"),
        ONCE: Form(lambda: _message(_security(_username_token(nonce=os.urandom(16))))),
    }


def _message(header: str) -> bytes:
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<soap:Header>{header}</soap:Header><soap:Body>"
        '<api:getWorkItemHeader xmlns:api="http://api.brm.n2.tibco.com"><workItemID id="1"/></api:getWorkItemHeader>'
        "</soap:Body></soap:Envelope>"
    ).encode()


def _security(token: str, *, stamp: bool = False) -> str:
    now = datetime.now(UTC)
    times = (now, now + timedelta(minutes=5))
    created, expires = (one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in times)
    lifetime = (
        f"<u:Timestamp><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>" if stamp else ""
    )
    return f'<o:Security xmlns:o="{_WSSE}" xmlns:u="{_WSU}">{lifetime}{token}</o:Security>'


def _username_token(nonce: bytes = b"") -> str:
    once = f"<o:Nonce>{base64.b64encode(nonce).decode()}</o:Nonce>" if nonce else ""
    return (
        f"<o:UsernameToken><o:Username>{PERSON}</o:Username><o:Password>{PASSWORD}</o:Password>{once}</o:UsernameToken>"
    )


async def _token(application: Door) -> str:
    form = {"grant_type": "client_credentials", "client_id": f"bench/{PERSON}", "client_secret": PASSWORD}
    answer = await _post(application, urlencode(form).encode(), path="/oauth/token", content_type=_FORM)
    token: str = json.loads(answer)["access_token"]
    return token


async def _post(
    application: Door,
    body: bytes,
    authorization: str = "",
    *,
    path: str = PATH,
    content_type: str = "text/xml; charset=utf-8",
) -> bytes:
    """Send a request that must succeed; give the body of its answer."""
    headers = [("host", "127.0.0.1:8080"), ("content-type", content_type)]
    if authorization:
        headers.append(("authorization", authorization))
    parts = [body]

    async def next_part() -> bytes | None:
        return parts.pop() if parts else None

    response = await application(Request("POST", path, "", HeaderFields(headers), next_part, "127.0.0.1"))
    if response.status != 200:
        raise SystemExit(response.body.decode())
    return response.body


if __name__ == "__main__":
    main()
