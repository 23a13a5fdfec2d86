"""The commands about the organisation: load, export and show it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soapsvc.command_database import opened_tenancy
from soapsvc.console import AsJson, OfTenancy, print_rows, say
from soapsvc.domain.organisation_model import Changes, EntityName, Link, PrivilegeGrant

if TYPE_CHECKING:
    from soapsvc.usecases.organisation import Grant, Load


app = typer.Typer(help="Units, groups, positions, privileges, and who is in them.", no_args_is_help=True)


@app.command("load")
def org_load(
    file: Path,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would change.")] = False,
    tenancy: OfTenancy = None,
) -> None:
    """Make the organisation what a YAML file says, and print what changes."""
    from soapsvc import org_file
    from soapsvc.usecases import organisation

    loaded = org_file.read(file)
    with opened_tenancy(tenancy) as database:
        run = database.read if dry_run else database.write
        result = run(lambda tx: organisation.load(tx, loaded, is_dry_run=dry_run)).result()
    for line in _lines_of(result):
        say(line)
    say(_summary(result, dry_run=dry_run))


@app.command("export")
def org_export(
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output unless given.")] = None,
    tenancy: OfTenancy = None,
) -> None:
    """Write the organisation as a file that loads to no difference."""
    from soapsvc import org_file
    from soapsvc.usecases import organisation

    with opened_tenancy(tenancy) as database:
        text = org_file.write(database.read(organisation.export).result())
    if file is None:
        sys.stdout.write(text)
    else:
        file.write_text(text, encoding="utf-8")


@app.command("show")
def org_show(name: str, as_json: AsJson = False, tenancy: OfTenancy = None) -> None:
    """Show what an entity is in and holds, what it may do, and where each comes from."""
    from soapsvc.usecases import organisation

    with opened_tenancy(tenancy) as database:
        place = database.read(lambda tx: organisation.show(tx, name)).result()
    rows = [
        {"what": above.type, "name": above.name, "in": None, "through": _said(through)}
        for above, through in place.above
    ]
    rows += [{"what": "may", "name": one.action, "in": one.scope, "through": _source(one)} for one in place.grants]
    shown = {"what": place.entity.type, "name": place.entity.name, "in": None, "through": place.entity.guid}
    print_rows([shown, *rows], as_json)


def _summary(result: "Load", *, dry_run: bool) -> str:
    if not result:
        return "The organisation is what the file says already."
    return "Nothing was changed: this was a dry run." if dry_run else "The organisation is what the file says now."


def _lines_of(result: "Load") -> Iterator[str]:
    found = result.difference
    for one in found.entities.added:
        yield f"+ {_said(one.key)}"
    for was, now in found.changed:
        yield f"~ {_said(was.key)}: {', '.join(_changes(was, now))}"
    for one in found.entities.removed:
        fate = " (can still sign in, and stays)" if one in result.kept else ""
        fate = " (items name it: it is retired)" if one in result.retired else fate
        yield f"{' ' if one in result.kept else '-'} {_said(one.key)}{fate}"
    yield from _signed(found.links, _link)
    yield from _signed(found.grants, _grant)
    yield from _signed(found.denied, lambda action: f"{action} is denied unless granted")


def _signed(changes: Changes[Any], say: Callable[[Any], str]) -> Iterator[str]:
    for sign, things in (("+", changes.added), ("-", changes.removed)):
        for thing in things:
            yield f"{sign} {say(thing)}"


def _changes(was: Any, now: Any) -> Iterator[str]:
    for name in ("name", "guid", "max_open_items"):
        if getattr(was, name) != getattr(now, name):
            yield f"{name} {getattr(was, name)} becomes {getattr(now, name)}"


def _said(name: EntityName) -> str:
    return f"{name.type} {name.name}"


def _link(link: Link) -> str:
    return f"{_said(link.above)} {link.relation} {_said(link.below)}"


def _grant(grant: PrivilegeGrant) -> str:
    return f"PRIVILEGE {grant.privilege} allows {grant.action}{f' in {grant.scope}' if grant.scope else ''}"


def _source(grant: "Grant") -> str:
    if grant.privilege is not None:
        return _said(grant.privilege)
    return "own grant" if grant.is_own else "open to all"
