"""The service keeps its promise while it is killed, paused and cut off; and mistakes are found that break it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proof.chaos import WITH_DATABASE, schedule
from tests.proof.nodes import Place, prepared_sqlite
from tests.proof.run import Plan, Result, run

IS_LONG = os.environ.get("SOAPSVC_PROOF") == "long"
QUIET = 0.0
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    prepared_sqlite(folder)
    return folder / "soapsvc.db"


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    return prepared_sqlite(tmp_path, template)


def _tell(line: object) -> None:
    print(line, flush=True)


RUNS = [Plan(seconds=60, seed=0), *(Plan(seconds=10, seed=seed) for seed in range(1, 21))]
SHORT_RUN = Plan(seconds=8, seed=1, clients=32)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plan", RUNS if IS_LONG else [SHORT_RUN], ids=lambda plan: f"seed {plan.seed}")
def test_what_was_acknowledged_survives_kills_pauses_and_cuts(plan: Plan, place: Place, tmp_path: Path) -> None:
    result = run(plan, place, tmp_path, _tell)
    _tell(result)
    assert not result.violations, str(result)
    assert result.disturbances >= 2
    assert result.outcomes["ok"] > 20


LATE = "interleaved,"
MISTAKES = {
    "no_guard": (LATE, QUIET),
    "no_guard_but_the_key": (LATE, QUIET),
    "read_then_write": (LATE, QUIET),
    "blind_retry": (LATE, QUIET),
    "acknowledge_before_commit": ("", QUIET),
    "timestamp_as_version": ("", QUIET),
    "history_outside_the_transaction": ("", 2.0),
    "lost_savepoint": ("", QUIET),
    "cached_read": ("", QUIET),
    "forgotten_requests": ("", QUIET),
}
"""What each needs in order to show: units that are run side by side, or something that is done to the service."""


QUICK = ("no_guard", "blind_retry", "acknowledge_before_commit", "lost_savepoint")
"""Those that are looked for at every change; `make prove` looks for all."""


def _changed(changes: str, every: float = QUIET) -> Plan:
    if every == QUIET:
        return Plan(seconds=30, calls=800, clients=24, every=QUIET, changes=changes)
    return Plan(seconds=3 * every, clients=24, every=every, kinds=["kill"], changes=changes)


def test_what_lets_mistakes_show_is_none_itself(place: Place, tmp_path: Path) -> None:
    result = run(_changed("interleaved"), place, tmp_path)
    assert not result.violations, str(result)


@pytest.mark.parametrize("name", MISTAKES if IS_LONG else QUICK)
def test_a_mistake_of_the_service_is_found(name: str, place: Place, tmp_path: Path) -> None:
    aid, every = MISTAKES[name]
    result = run(_changed(aid + name, every), place, tmp_path)
    _tell(result)
    assert result.violations


def test_a_schedule_is_that_of_its_seed() -> None:
    ways = {"nodes": 2, "every": 2.0, "kinds": WITH_DATABASE}
    assert schedule(7, 60, **ways) == schedule(7, 60, **ways) != schedule(8, 60, **ways)
    assert schedule(7, 60, **ways)[0].kind == "kill"
