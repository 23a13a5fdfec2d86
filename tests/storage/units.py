"""Units of work that the store's tests run: some write, some fail, some spoil it for all."""

import asyncio

import sqlalchemy as sa

from soapsvc.domain.states import Action
from soapsvc.storage import people, work_items
from soapsvc.storage.tables import offer

DEADLINE = 10


def adding(name: str):
    """A unit that writes: it adds a person and gives his name."""
    return lambda tx: people.add_person(tx, name=name, guid=name, password_hash="h").name


def adding_and_failing(name: str, error: Exception | None = None):
    def unit(tx):
        adding(name)(tx)
        raise error or ValueError(name)

    return unit


def names(connect) -> set[str]:
    """Who is committed, as another process sees it."""
    with connect() as connection:
        return {name for (name,) in connection.execute("SELECT name FROM account")}


def spoiling_the_commit(tx):
    """A unit that succeeds, and lets the COMMIT fail: its dangling reference is looked at only then."""
    tx.connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    tx.connection.execute(sa.insert(offer).values(work_item_id=4711, entity_id=4711, tenancy_id=1))


def losing_the_transaction(tx):
    """A unit on which SQLite rolls everything back by itself, as it does when the disk is full."""
    tx.connection.exec_driver_sql(
        "INSERT OR ROLLBACK INTO entity (tenancy_id, type, guid, guid_key, name) "
        "SELECT tenancy_id, type, guid, guid_key, name FROM entity"
    )


def changing(item_id: int, priority: int = 7):
    """A unit that changes an item, and gives its new version."""

    def unit(tx):
        item = work_items.get(tx, item_id)
        return work_items.save(tx, item, item.with_priority(priority), action=Action.SET_PRIORITY, by=None).version

    return unit


def noting(runs: list[object], unit, what: object = 1):
    """The same unit, which notes each of its runs."""

    def noted(tx):
        runs.append(what)
        return unit(tx)

    return noted


async def told(awaitables) -> list[object]:
    """What units came to, faults included."""
    return await asyncio.gather(*awaitables, return_exceptions=True)
