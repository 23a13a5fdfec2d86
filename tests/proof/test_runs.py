"""The service keeps its promise while it is killed, paused and cut off; and mistakes are found that break it."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.proof.chaos import WITH_DATABASE, schedule
from tests.proof.mutants import faults
from tests.proof.places import Place, PostgresqlServer, postgresql, prepared_postgresql, prepared_sqlite
from tests.proof.run import Plan, Result, run

IS_LONG = os.environ.get("SOAPSVC_PROOF") == "long"
QUIET = 0.0


NAMES = count()


@pytest.fixture(scope="module")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    prepared_sqlite(folder)
    return folder / "soapsvc.db"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL of our own, that may be killed, with a prepared database to copy."""
    with tempfile.TemporaryDirectory(prefix="proof-") as folder, postgresql(Path(folder)) as server:
        prepared_postgresql(server, "template_of_proof")
        yield server


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Place:
    """One node on a SQLite file."""
    return prepared_sqlite(tmp_path, sqlite_template)


@pytest.fixture
def two_nodes(server: PostgresqlServer) -> Place:
    """Two nodes and a worker on one PostgreSQL."""
    return prepared_postgresql(server, f"proof_{next(NAMES)}", "template_of_proof")


def _tell(line: object) -> None:
    print(line, flush=True)


SEEDS = range(1, 21)
RUNS = [Plan(seconds=60, seed=0), *(Plan(seconds=10, seed=seed) for seed in SEEDS)]
KILL_PAUSE_MUTE = Plan(seconds=7, seed=27, clients=32, every=2.5)
KILL_ALL = Plan(seconds=7, seed=301, clients=32, every=2.5)


def _runs(short: Plan) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("plan", RUNS if IS_LONG else [short], ids=lambda plan: f"seed {plan.seed}")


def _check(result: Result) -> None:
    _tell(result)
    assert not result.violations, str(result)
    assert result.disturbances >= 2
    assert result.outcomes["ok"] > 20
    assert result.ends


@pytest.mark.timeout(300)
@_runs(KILL_PAUSE_MUTE)
def test_one_node_on_sqlite_keeps_what_it_acknowledged(plan: Plan, sqlite: Place, tmp_path: Path) -> None:
    _check(run(plan, sqlite, tmp_path, _tell))


@pytest.mark.timeout(300)
@_runs(KILL_ALL)
def test_two_nodes_and_a_worker_on_postgresql_keep_what_they_acknowledged(
    plan: Plan, two_nodes: Place, tmp_path: Path
) -> None:
    plan = replace(plan, kinds=WITH_DATABASE)
    _check(run(plan, two_nodes, tmp_path, _tell))


ALONE, TOGETHER = "sqlite", "two_nodes"
"""One node on SQLite, or two on PostgreSQL."""

SIDE_BY_SIDE = {ALONE: "interleaved,", TOGETHER: "slow,"}
"""What lets units come between each other."""

RACES = ("no_guard", "read_then_write", "blind_retry")
OTHERS = {"acknowledge_before_commit": "", "timestamp_as_version": "", "lost_savepoint": "", "cached_read": "",
          "torn_look": "", "forgotten_requests": "", "accept_raises_the_version": "", "end_in_two_transactions": "",
          "not_kept": "busy,", "no_fence": "hasty,"}  # fmt: skip
"""Each with what lets it show soon, if it needs that."""
SHOWN_BY_KILLS = ("history_outside_the_transaction", "job_outside_the_transaction")
MISTAKES = [
    *((where, SIDE_BY_SIDE[where], name, QUIET) for where in (ALONE, TOGETHER) for name in RACES),
    *((where, aid, name, QUIET) for where in (ALONE, TOGETHER) for name, aid in OTHERS.items()),
    *((where, "", name, 2.0) for where in (ALONE, TOGETHER) for name in SHOWN_BY_KILLS),
    # On PostgreSQL the key is a guard like the other: who meets it begins again.
    (ALONE, SIDE_BY_SIDE[ALONE], "no_guard_but_the_key", QUIET),
]
QUICK = [one for one in MISTAKES if (one[0], one[2]) in {
    (ALONE, "acknowledge_before_commit"), (ALONE, "not_kept"), (TOGETHER, "no_guard"), (TOGETHER, "no_fence"),
}]  # fmt: skip
"""Those that are looked for at every change; `make prove` looks for all."""


def _changed(changes: str, every: float = QUIET) -> Plan:
    if every == QUIET:
        return Plan(seconds=30, calls=1600 if IS_LONG else 800, clients=24, every=QUIET, changes=changes, ending=15)
    return Plan(seconds=3 * every, clients=24, every=every, kinds=["kill"], changes=changes, ending=15)


AIDS = [(ALONE, "interleaved"), *((TOGETHER, aid) for aid in ("slow", "busy")), *((where, "hasty") for where in
        (ALONE, TOGETHER))]  # fmt: skip


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("where", "aid"), AIDS if IS_LONG else AIDS[:1])
def test_what_lets_mistakes_show_is_none_itself(
    where: str, aid: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plan = _changed(aid)
    result = run(plan, request.getfixturevalue(where), tmp_path)
    assert not result.violations, str(result)


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("where", "aid", "name", "every"), MISTAKES if IS_LONG else QUICK)
def test_a_mistake_of_the_service_is_found(
    where: str, aid: str, name: str, every: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    result = run(_changed(aid + name, every), request.getfixturevalue(where), tmp_path)
    _tell(result)
    assert result.violations


def test_every_mistake_is_looked_for() -> None:
    assert {name for _, _, name, _ in MISTAKES} == set(faults.CHANGES)


def test_a_schedule_is_that_of_its_seed() -> None:
    ways = {"processes": 3, "every": 2.0, "kinds": WITH_DATABASE}
    assert schedule(7, 60, **ways) == schedule(7, 60, **ways) != schedule(8, 60, **ways)
    assert schedule(7, 60, **ways)[0].kind == "kill"
