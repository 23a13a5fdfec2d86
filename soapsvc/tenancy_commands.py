"""The commands about tenancies: add and list them, and set their rules."""

from typing import Annotated

import typer

from soapsvc.command_database import opened_database
from soapsvc.console import AsJson, print_rows, say

app = typer.Typer(help="Those who share the service.", no_args_is_help=True)


@app.command("add")
def tenancy_add(
    moniker: str,
    name: Annotated[str | None, typer.Option(help="A name for people; the moniker unless given.")] = None,
) -> None:
    """Add a tenancy, with nobody and nothing in it."""
    from soapsvc.usecases import tenancies

    with opened_database() as database:
        added = database.write(lambda tx: tenancies.add_tenancy(tx, moniker, name)).result()
    say(f"{added.moniker} {added.name}")


@app.command("list")
def tenancy_list(as_json: AsJson = False) -> None:
    """List the tenancies."""
    from soapsvc.usecases import tenancies

    with opened_database() as database:
        found = database.read(tenancies.list_tenancies).result()
    rows = [{"moniker": one.moniker, "name": one.name, "version_required": one.version_required} for one in found]
    print_rows(rows, as_json)


@app.command("set")
def tenancy_set(
    moniker: str,
    version_required: Annotated[
        bool | None,
        typer.Option(help="Whether a change that says no version is refused; as the setting says if neither."),
    ] = None,
) -> None:
    """Set a tenancy's own rules in place of the settings; those that are not given are taken back."""
    from soapsvc.usecases import tenancies

    with opened_database() as database:
        database.write(lambda tx: tenancies.require_versions(tx, moniker, version_required)).result()
    said = {None: "as the setting says", True: "yes", False: "no"}[version_required]
    say(f"{moniker}: a change must say its version: {said}")
