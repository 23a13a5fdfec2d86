"""The commands about the audit log: list, export and verify it."""

import json
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from soapsvc.command_database import opened_tenancy
from soapsvc.console import AsJson, OfTenancy, print_rows, say
from soapsvc.domain.audit import AuditEntry, AuditFilter, AuditKind
from soapsvc.verification import entries

app = typer.Typer(help="Who signed in, who was refused, what was granted.", no_args_is_help=True)
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Moment = typer.Option(formats=_FORMATS, metavar="TIME")


@app.command("list")
def list_entries(
    since: Annotated[datetime | None, Moment] = None,
    until: Annotated[datetime | None, Moment] = None,
    kind: Annotated[AuditKind | None, typer.Option(help="Entries of this kind only.")] = None,
    person: Annotated[str | None, typer.Option(help="Entries by or about the person of this name only.")] = None,
    as_json: AsJson = False,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="The most entries to list.")] = 100,
    tenancy: OfTenancy = None,
) -> None:
    """List the newest entries, the oldest of them first; times are in UTC unless they say otherwise."""
    from soapsvc.usecases import audit

    wanted = AuditFilter(since=_in_utc(since), until=_in_utc(until), kind=kind, person=person)
    with opened_tenancy(tenancy) as database:
        found = database.read(partial(audit.newest, wanted=wanted, most=most)).result()
    print_rows([_shown(entry) for entry in found], as_json)


@app.command()
def export(file: Path, tenancy: OfTenancy = None) -> None:
    """Write the whole log to a new file, one JSON object on each line, with the hashes."""
    with opened_tenancy(tenancy) as database:
        try:
            with file.open("x", encoding="utf-8") as lines:
                count = sum(lines.write(f"{json.dumps(_shown(one))}\n") > 0 for one in entries(database, "Exporting"))
        except OSError as error:
            sys.exit(f"soapsvc: {file} cannot be written: {error.strerror}")
    say(f"{count} entries written to {file}")


@app.command()
def verify(
    including: Annotated[str | None, typer.Option(metavar="HASH", help="An entry's hash that must be there.")] = None,
    tenancy: OfTenancy = None,
) -> None:
    """Prove that no entry was altered, and none added or taken away between others; print the last hash."""
    from soapsvc.usecases.audit import Chain

    found = including is None
    with opened_tenancy(tenancy) as database:
        chain = Chain(database.tenancy)
        for entry in entries(database, "Verifying"):
            if not chain.goes_on_with(entry):
                sys.exit(f"soapsvc: the audit log was altered: its chain breaks at the entry with id = {entry.id}")
            found = found or entry.hash == including
    if not found:
        sys.exit("soapsvc: the audit log was altered: no entry has this hash any more")
    last = f", the last with the hash {chain.end}" if chain.length else ""
    say(f"The audit log is whole: {chain.length} entries{last}")


def _shown(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "kind": entry.kind,
        "by": entry.actor,
        "guid": entry.actor_guid,
        "address": entry.address,
        "subject": entry.subject,
        "detail": entry.detail,
        "hash": entry.hash,
    }


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
