"""The command that moves a whole service to another database, and proves that it is the same there."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from soapsvc import verification
from soapsvc.console import print_rows, say

if TYPE_CHECKING:
    from soapsvc.storage.copying import Copying
    from soapsvc.storage.database import Database


def copy(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="The database that has the service.")],
    target: Annotated[str, typer.Option("--to", metavar="URL", help="An empty one, made by `soapsvc migrate`.")],
) -> None:
    """Copy a whole service to another database; a copy that was stopped goes on where it was."""
    from soapsvc import wiring

    with wiring.opened_copy(source, target) as (copying, database):
        _run(copying)
        compared = list(copying.compare())
        rows = [(one.table, one.source_rows, one.target_rows, "yes" if one.is_same else "NO") for one in compared]
        print_rows([dict(zip(("table", "rows from", "rows to", "same"), row, strict=True)) for row in rows], False)
        if different := [one.table for one in compared if not one.is_same]:
            sys.exit(
                f"soapsvc: the copy differs from what it was made of, in {', '.join(different)}: was that changed?"
            )
        if damages := list(_damages(database)):
            sys.exit(f"soapsvc: what was copied was damaged before: {'; '.join(damages)}")
    say(f"{sum(one.target_rows for one in compared)} rows are the same, and all histories and audit logs are whole")


def _run(copying: "Copying") -> None:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Copying", total=copying.count())
        for table, rows in copying.run():
            progress.update(bar, advance=rows, description=f"Copying {table}")


class _Rate(ProgressColumn):
    """How many rows are copied in a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} rows/s" if task.speed else "")


def _damages(database: "Database") -> Iterator[str]:
    """Say what is wrong with the histories and the audit logs of all tenancies."""
    from soapsvc.storage.database import InTenancy
    from soapsvc.usecases.tenancies import list_tenancies

    broken, _ = verification.broken_histories(database)
    if broken:
        yield verification.altered_histories(broken)
    for tenancy in database.read(list_tenancies).result():
        if said := verification.broken_log(InTenancy(database, tenancy.id)):
            yield f"{tenancy.moniker}: {said}"
