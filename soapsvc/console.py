"""What commands print: lines, tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
OfTenancy = Annotated[str | None, typer.Option("--tenancy", help="The tenancy; the default one unless given.")]
_WIDE = 1_000


def print_rows(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows of the same columns as a table, or as one JSON list."""
    if as_json:
        say(json.dumps(rows))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)  # a program reads this: cut nothing
    table = Table(*(rows[0] if rows else ()), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
