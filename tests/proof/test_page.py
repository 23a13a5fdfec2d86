"""The page about the proof says what the proof does."""

from tests.architecture import pages
from tests.proof import chaos, operations
from tests.proof.mutants import faults

PAGE = pages.page("docs/proof.md")


def _first_column(heading: str) -> set[str]:
    return {row[0].strip("`") for row in pages.rows(pages.section(PAGE, heading))}


def test_every_mistake_that_is_looked_for_is_on_the_page_and_nothing_else_is() -> None:
    assert _first_column("## Why the checker can be believed") == set(faults.CHANGES)


def test_all_that_is_done_to_the_service_is_on_the_page_and_nothing_else_is() -> None:
    assert _first_column("## What is done to the service meanwhile") == set(chaos.WITH_DATABASE)


def test_every_operation_that_clients_ask_for_is_on_the_page() -> None:
    asked = {*operations.POSSIBLE_IN, *operations.READS, *operations.OVER_REST, operations.NEXT, operations.SCHEDULE}
    assert all(f"`{operation}`" in PAGE for operation in asked)
