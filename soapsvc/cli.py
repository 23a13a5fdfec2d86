"""The command line: each command reads its settings, opens the database, calls one use case and prints."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from soapsvc import (
    __version__,
    audit_commands,
    copy_commands,
    credential_commands,
    org_commands,
    package_commands,
    tenancy_commands,
    verification,
)
from soapsvc import settings as settings_module
from soapsvc.command_database import opened_database, opened_tenancy
from soapsvc.console import AsJson, OfTenancy, print_rows, say
from soapsvc.credential_commands import PasswordStdin, Recoverable
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import WorkItemServiceError
from soapsvc.settings import CannotListen, InvalidSettings, Settings
from soapsvc.yaml_file import InvalidFile

app = typer.Typer(
    help="An open work-item service over SOAP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
user = typer.Typer(help="People who may sign in.", no_args_is_help=True)
worktype = typer.Typer(help="Kinds of work items.", no_args_is_help=True)
items = typer.Typer(help="Work items, for the operator.", no_args_is_help=True)
app.add_typer(user, name="user")
app.add_typer(worktype, name="worktype")
app.add_typer(items, name="items")
app.add_typer(audit_commands.app, name="audit")
app.add_typer(org_commands.app, name="org")
app.add_typer(tenancy_commands.app, name="tenancy")
app.add_typer(credential_commands.principal, name="principal")
app.add_typer(credential_commands.token_key, name="token-key")
app.add_typer(credential_commands.secret_key, name="secret-key")
app.command("copy")(copy_commands.copy)
user.command("set-password")(credential_commands.user_set_password)
user.command("disable")(credential_commands.user_disable)
user.command("enable")(credential_commands.user_enable)
app.add_typer(package_commands.app, name="package")

Scope = Annotated[str | None, typer.Option(help="The unit below which it holds; everywhere unless given.")]
_ITEMS_A_TRANSACTION = 500


def main() -> None:
    """Run a command; what a user can mend is one sentence on standard error, and exit status 1."""
    try:
        app()
    except (WorkItemServiceError, InvalidSettings, CannotListen, InvalidFile) as error:
        sys.exit(f"soapsvc: {error}")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Load demonstration people and work items.")] = False,
    demo_password: Annotated[str | None, typer.Option(help="Their password; a new random one unless given.")] = None,
    processes: Annotated[int | None, typer.Option(help="How many processes answer requests.")] = None,
) -> None:
    """Serve; the database is made on the first start and brought up to date on later ones."""
    settings = _load(host=host, port=port, processes=processes)
    with _uncollected():
        from soapsvc import demo as demonstration
        from soapsvc import observe, serving, wiring
        from soapsvc.front import READY

    observe.configure_logging(level=settings.log_level, format=settings.log_format)
    serving.check_port(settings)
    tls = serving.tls_of(settings)
    with serving.sole_server(settings):
        with wiring.opened_tenancy(settings, None) as database:
            introduction = demonstration.introduce(database, settings.address, demo_password) if demo else None
        say(f"soapsvc {__version__}; whether it is ready: {settings.address}{READY}")
        for address in serving.endpoints(settings):
            say(f"  {address}?wsdl")
        say(f"  {serving.description(settings)}")
        if introduction is not None:
            say(introduction)
        serving.serve(settings, tls)


@app.command()
def work() -> None:
    """Do what is due in the background, beside a service on the same database, until told to stop."""
    settings = _load()
    with _uncollected():
        from soapsvc import observe, wiring, working

    observe.configure_logging(level=settings.log_level, format=settings.log_format)
    with wiring.opened_database(settings) as database:
        say(f"soapsvc {__version__} is working on {settings.shown('database')}")
        working.work_until_told(database, settings)


@app.command()
def migrate() -> None:
    """Make the database, or bring it up to date."""
    from soapsvc import wiring

    done = wiring.migrate(_load())
    say("The database is up to date now." if done else "The database was up to date already.")


@app.command()
def wsdl(
    name: Annotated[str | None, typer.Argument(help="One file of the contract, to print.")] = None,
    to: Annotated[Path | None, typer.Option(help="A folder to write the whole contract to.")] = None,
) -> None:
    """List the files of the contract, print one of them, or write them all to a folder."""
    from soapsvc import serving

    files = serving.contract_files(_load())
    if name is not None:
        if name not in files:
            raise typer.BadParameter(f"there is no file {name}; `soapsvc wsdl` lists all")
        sys.stdout.write(files[name].decode())
    elif to is not None:
        to.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (to / file).write_bytes(content)
        say(f"{len(files)} files written to {to}")
    else:
        say("\n".join(sorted(files)))


@app.command("settings")
def list_settings(as_json: AsJson = False) -> None:
    """List every setting with its default, its value, and where that comes from."""
    loaded = settings_module.load({})
    rows = [
        {
            "name": name,
            "variable": f"{settings_module.PREFIX}{name.upper()}",
            "default": field.default,
            "value": loaded.settings.shown(name),
            "origin": loaded.origins[name],
            "description": field.description,
        }
        for name, field in Settings.model_fields.items()
    ]
    print_rows(rows, as_json)


@user.command("add")
def user_add(
    name: str,
    password_stdin: PasswordStdin,
    guid: Annotated[str | None, typer.Option(help="The GUID that clients know the person by.")] = None,
    max_open: Annotated[int | None, typer.Option(help="The most work items that the person may have open.")] = None,
    recoverable: Recoverable = False,
    tenancy: OfTenancy = None,
) -> None:
    """Add a person who may sign in."""
    from soapsvc.usecases import people

    password_hash, sealed = credential_commands.read_password(password_stdin, recoverable)
    with opened_tenancy(tenancy) as database:
        person = database.write(
            lambda tx: people.add_person(
                tx, name=name, guid=guid, password_hash=password_hash, max_open_items=max_open, sealed=sealed
            )
        ).result()
    say(f"{person.name} {person.guid}")


@user.command("list")
def user_list(as_json: AsJson = False, tenancy: OfTenancy = None) -> None:
    """List the people who may sign in."""
    from soapsvc.usecases import people

    with opened_tenancy(tenancy) as database:
        everyone = database.read(people.list_people).result()
    print_rows([{"name": person.name, "guid": person.guid} for person in everyone], as_json)


@user.command("grant")
def user_grant(name: str, action: SystemAction, scope: Scope = None, tenancy: OfTenancy = None) -> None:
    """Grant a person a system action, everywhere or below a unit."""
    from soapsvc.usecases import people

    with opened_tenancy(tenancy) as database:
        is_new = database.write(lambda tx: people.grant(tx, name, action, scope)).result()
    say(f"{name} may {action} {f'in {scope} ' if scope else ''}{'now' if is_new else 'already'}")


@user.command("revoke")
def user_revoke(name: str, action: SystemAction, scope: Scope = None, tenancy: OfTenancy = None) -> None:
    """Take a person's own grants of a system action back, or the one of a unit."""
    from soapsvc.usecases import people

    with opened_tenancy(tenancy) as database:
        was_there = database.write(lambda tx: people.revoke(tx, name, action, scope)).result()
    say(f"{name} has {'no longer a' if was_there else 'no'} grant of {action}{f' in {scope}' if scope else ''}")


@items.command("add")
def items_add(
    name: Annotated[str, typer.Option(help="The name of the new items.")],
    offer_to: Annotated[str, typer.Option(help="Whom to offer them to: names or GUIDs, divided by commas.")],
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 1,
    as_json: AsJson = False,
    tenancy: OfTenancy = None,
) -> None:
    """Create work items, and print their ids."""
    from soapsvc.domain.work_item import NewWorkItem
    from soapsvc.usecases import scheduling

    new = NewWorkItem(name=name)
    offered_to = [reference.strip() for reference in offer_to.split(",")]
    made: list[int] = []
    with opened_tenancy(tenancy) as database, verification.shown_progress() as progress:
        for size in progress.track(_portions(count), description="Creating work items"):
            made += database.write(partial(scheduling.create_items, new=new, offer_to=offered_to, count=size)).result()
    say(json.dumps(made) if as_json else "\n".join(map(str, made)))


@items.command("list")
def items_list(
    as_json: AsJson = False,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="The most items to list.")] = 1_000,
    tenancy: OfTenancy = None,
) -> None:
    """List work items, by id."""
    from soapsvc.usecases import history

    with opened_tenancy(tenancy) as database:
        found = database.read(lambda tx: history.list_items(tx, most)).result()
    print_rows([_summary(item) for item in found], as_json)


@items.command("show")
def items_show(item_id: int, as_json: AsJson = False, tenancy: OfTenancy = None) -> None:
    """Show one work item with its data."""
    from soapsvc.usecases import history

    with opened_tenancy(tenancy) as database:
        item = database.read(lambda tx: history.show_item(tx, item_id)).result()
    shown = _summary(item) | {
        "guid": item.guid,
        "description": item.description,
        "session": item.session,
        "fields": {field.name: list(field.values) for field in item.fields},
    }
    if as_json:
        say(json.dumps(shown))
    else:
        print_rows([{"what": name, "value": value} for name, value in shown.items()], as_json=False)


@items.command("history")
def items_history(item_id: int, as_json: AsJson = False, tenancy: OfTenancy = None) -> None:
    """Show every version of a work item, oldest first."""
    from soapsvc.usecases import history

    with opened_tenancy(tenancy) as database:
        entries = database.read(lambda tx: history.history_of(tx, item_id)).result()
    rows = [
        {
            "version": entry.version,
            "operation": entry.action,
            "by": entry.actor,
            "at": entry.at.isoformat(),
            "from": entry.state_before,
            "to": entry.state_after,
            "changed": ", ".join(entry.changed),
        }
        for entry in entries
    ]
    print_rows(rows, as_json)


@items.command("verify")
def items_verify() -> None:
    """Prove that no work item's history was altered, and that each item is what its history says."""
    with opened_database() as database:
        broken, highest = verification.broken_histories(database)
    if broken:
        sys.exit(f"soapsvc: {verification.altered_histories(broken)}")
    say(f"The histories of all work items up to id {highest} are whole.")


@worktype.command("load")
def worktype_load(file: Path, tenancy: OfTenancy = None) -> None:
    """Load work types from a YAML file, all or none, over those of the same id."""
    from soapsvc import work_type_file
    from soapsvc.usecases import work_types

    loaded = work_type_file.read(file)
    with opened_tenancy(tenancy) as database:
        new = database.write(lambda tx: work_types.load(tx, loaded)).result()
    say(f"{len(loaded)} work types loaded, {new} of them new")


@worktype.command("list")
def worktype_list(as_json: AsJson = False, tenancy: OfTenancy = None) -> None:
    """List the work types."""
    from soapsvc.usecases import work_types

    with opened_tenancy(tenancy) as database:
        found = database.read(work_types.list_all).result()
    rows = [
        {
            "id": one.id,
            "version": one.version,
            "description": one.description,
            "fields": ", ".join(field.name for field in one.fields),
            "piled": one.piled,
        }
        for one in found
    ]
    print_rows(rows, as_json)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Import what stays for as long as the process does: garbage is sought in it neither now, nor ever again.

    The imports of a service take a seventh less so, and no request has to wait for a search of all that they left.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _load(**options: Any) -> Settings:
    return settings_module.load(options).settings


def _portions(count: int) -> list[int]:
    """Divide a large number of items into transactions of bearable length: a service may run beside this."""
    full, rest = divmod(count, _ITEMS_A_TRANSACTION)
    return [_ITEMS_A_TRANSACTION] * full + ([rest] if rest else [])


def _summary(item: Any) -> dict[str, Any]:
    return {
        "id": item.id,
        "version": item.version,
        "state": item.state,
        "name": item.name,
        "priority": item.priority,
        "owner": item.owner.name if item.owner else None,
    }
