"""The commands about template packages: put and list them."""

from pathlib import Path
from typing import Annotated

import typer

from soapsvc.command_database import opened_tenancy
from soapsvc.console import AsJson, OfTenancy, print_rows, say

app = typer.Typer(help="Templates that completed versions become documents by.", no_args_is_help=True)


@app.command("put")
def package_put(
    package_id: str,
    files: Annotated[list[Path], typer.Argument(help="The templates, in the order of their documents.")],
    tenancy: OfTenancy = None,
) -> None:
    """Store templates as a package, in place of the one of this id."""
    from soapsvc.domain.document import TemplatePackage, template_of_file
    from soapsvc.usecases import template_packages

    templates = [template_of_file(package_id, file.name, _content(file)) for file in files]
    package = TemplatePackage(id=package_id, templates=templates)
    with opened_tenancy(tenancy) as database:
        is_new = database.write(lambda tx: template_packages.put(tx, package)).result()
    say(f"{package_id} {'added' if is_new else 'replaced'}, with {len(templates)} templates")


@app.command("list")
def package_list(as_json: AsJson = False, tenancy: OfTenancy = None) -> None:
    """List the template packages."""
    from soapsvc.usecases import template_packages

    with opened_tenancy(tenancy) as database:
        found = database.read(template_packages.list_all).result()
    print_rows([{"id": package_id, "templates": count} for package_id, count in found], as_json)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
