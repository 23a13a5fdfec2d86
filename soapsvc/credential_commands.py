"""The commands about credentials: passwords, service principals, and the keys of tokens and of secrets."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soapsvc import settings
from soapsvc.command_database import opened_database, opened_tenancy
from soapsvc.console import AsJson, OfTenancy, print_rows, say
from soapsvc.domain.credentials import Scope
from soapsvc.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from soapsvc.usecases.vault import Vault

principal = typer.Typer(help="Programs that get tokens.", no_args_is_help=True)
token_key = typer.Typer(help="Keys that sign tokens.", no_args_is_help=True)
secret_key = typer.Typer(help="Keys that seal secrets.", no_args_is_help=True)

PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Recoverable = Annotated[
    bool, typer.Option("--recoverable", help="Keep the password sealed as well, so that PasswordDigest works.")
]
_NO_KEYS = "secret_key_file must name a file of keys, which `soapsvc secret-key new` makes, or secret_keys have some"
Client = Annotated[str, typer.Option(help="The client that the principal belongs to.")]


def read_password(password_stdin: bool, recoverable: bool) -> tuple[str, str | None]:
    """Read a password; give its hash, and the password sealed if it shall be recoverable."""
    if not password_stdin:
        raise typer.BadParameter("a password is read from standard input only: give --password-stdin")
    from soapsvc.usecases.sign_in import hash_password

    keys = _keys() if recoverable else None
    if recoverable and keys is None:
        raise InvalidRequest(_NO_KEYS)
    password = _first_line_of_input()
    return hash_password(password), keys.seal(password) if keys else None


def _keys() -> "Vault | None":
    from soapsvc import secret_keys

    return secret_keys.named_vault(settings.load({}).settings)


def _first_line_of_input() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def user_set_password(
    name: str, password_stdin: PasswordStdin, recoverable: Recoverable = False, tenancy: OfTenancy = None
) -> None:
    """Replace a person's password, and with it what was kept of the old one."""
    from soapsvc.usecases import people

    password_hash, sealed = read_password(password_stdin, recoverable)
    with opened_tenancy(tenancy) as database:
        database.write(lambda tx: people.set_password(tx, name, password_hash, sealed)).result()
    say(f"{name} has a new password")


def user_disable(name: str, tenancy: OfTenancy = None) -> None:
    """Let a person sign in no longer."""
    _set_enabled(name, False, tenancy)


def user_enable(name: str, tenancy: OfTenancy = None) -> None:
    """Let a person sign in again."""
    _set_enabled(name, True, tenancy)


def _set_enabled(name: str, enabled: bool, tenancy: str | None) -> None:
    from soapsvc.usecases import people

    with opened_tenancy(tenancy) as database:
        database.write(lambda tx: people.set_enabled(tx, name, enabled)).result()
    say(f"{name} may sign in {'again' if enabled else 'no longer'}")


@principal.command("add")
def principal_add(
    name: str,
    client: Client,
    scope: Annotated[Scope, typer.Option(help="How far its tokens reach.")],
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read the secret from standard input.")],
    person: Annotated[
        str | None, typer.Option(help="Whom it acts as; the person of its own name unless given.")
    ] = None,
    lifetime: Annotated[int | None, typer.Option(help="The seconds for which its tokens are valid.")] = None,
    tenancy: OfTenancy = None,
) -> None:
    """Add a program that gets tokens, and print the client id by which OAuth knows it."""
    if not secret_stdin:
        raise typer.BadParameter("a secret is read from standard input only: give --secret-stdin")
    from soapsvc.usecases import principals
    from soapsvc.usecases.sign_in import hash_password

    secret_hash = hash_password(_first_line_of_input())
    with opened_tenancy(tenancy) as database:
        client_id = database.write(
            lambda tx: principals.add(
                tx,
                client=client,
                name=name,
                person=person,
                scope=scope,
                secret_hash=secret_hash,
                lifetime=lifetime,
            )
        ).result()
    say(client_id)


@principal.command("list")
def principal_list(as_json: AsJson = False, tenancy: OfTenancy = None) -> None:
    """List the programs that get tokens."""
    from soapsvc.usecases import principals

    with opened_tenancy(tenancy) as database:
        found = database.read(principals.list_all).result()
    rows = [
        {
            "client": one.client,
            "name": one.name,
            "person": one.person.name,
            "scope": one.scope.value,
            "lifetime": one.lifetime_seconds,
            "enabled": one.enabled,
        }
        for one in found
    ]
    print_rows(rows, as_json)


@principal.command("disable")
def principal_disable(name: str, client: Client, tenancy: OfTenancy = None) -> None:
    """Let a program get tokens no longer, nor use those that it has."""
    from soapsvc.usecases import principals

    with opened_tenancy(tenancy) as database:
        database.write(lambda tx: principals.disable(tx, client, name)).result()
    say(f"{principals.client_id(client, name)} may sign in no longer")


@token_key.command("rotate")
def token_key_rotate(tenancy: OfTenancy = None) -> None:
    """Let a new key sign; tokens that an old one has signed stay valid until their end."""
    from soapsvc.usecases import token_keys

    keys = _keys()
    with opened_tenancy(tenancy) as database:
        kid = database.write(lambda tx: token_keys.rotate(tx, keys)).result()
    say(f"The key {kid} signs now")


@secret_key.command("new")
def secret_key_new(file: Path) -> None:
    """Make a file with a key, or put a new key before those that a file has."""
    from soapsvc.usecases import vault

    count = vault.add_key(file)
    say(f"{file} has a new key" + (f", and {count - 1} older" if count > 1 else ""))


@secret_key.command("reseal")
def secret_key_reseal() -> None:
    """Seal all secrets anew with the first key, so that older keys can be taken away."""
    from soapsvc import secret_keys
    from soapsvc.usecases import sealing

    loaded = settings.load({}).settings
    keys, of_callbacks = secret_keys.named_vault(loaded), secret_keys.callback_secrets(loaded, makes_keys=False)
    if not of_callbacks.has_keys:
        raise InvalidRequest(_NO_KEYS)
    with opened_database() as database:
        count = database.write(lambda tx: sealing.reseal(tx, keys, of_callbacks)).result()
    say(f"{count} secrets sealed anew")
