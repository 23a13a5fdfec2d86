"""The SQLite file that every peer works on: 10,000 items, made before the peer starts and read after it ended."""

import sqlite3
from contextlib import closing
from pathlib import Path

ITEMS = 10_000
FILE = "peer.db"

_TABLE = """
CREATE TABLE work_item (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL
)
"""


def create(data: Path) -> Path:
    """Make the file in the data folder, in WAL mode, and give its path."""
    path = (data / FILE).absolute()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(_TABLE)
        rows = ((item, 0, "OFFERED", f"Work item {item}") for item in range(1, ITEMS + 1))
        database.executemany("INSERT INTO work_item VALUES (?, ?, ?, ?)", rows)
    return path


def stored_versions(data: Path) -> dict[int, int]:
    """Give the version of each item."""
    with closing(sqlite3.connect(data / FILE)) as database:
        return dict(database.execute("SELECT id, version FROM work_item"))
