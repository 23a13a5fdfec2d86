"""One service for all tests of the door: each makes items of its own in it; only tests that break one start another."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from shutil import copy

import pytest

from soapsvc import serving
from soapsvc.domain.work_item import WorkItem
from soapsvc.settings import Settings
from soapsvc.storage import history
from soapsvc.storage.database import Database
from tests.conftest import Soap
from tests.support.in_process import InProcess

Start = Callable[..., AbstractContextManager[Soap]]


@contextmanager
def running(template: Path, folder: Path, **options: object) -> Iterator[Soap]:
    """Start a service on a database of its own."""
    path = copy(template, folder / "soapsvc.db")
    settings = Settings(database=f"sqlite:///{path}", **options)  # type: ignore[arg-type]
    with serving.opened_service(settings) as service, InProcess(service.application) as calls:
        yield Soap(calls, service.database)


@pytest.fixture(scope="session")
def standing_soap(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soap]:
    """A service that lives as long as the test session."""
    with running(template, tmp_path_factory.mktemp("standing"), credential_seconds=60) as soap:
        yield soap


@pytest.fixture
def soap(standing_soap: Soap) -> Soap:
    return standing_soap


@pytest.fixture
def database(standing_soap: Soap) -> Database:
    """The standing service's own database: the fixtures that make items use it."""
    return standing_soap.database


@pytest.fixture
def start(template: Path, tmp_path: Path) -> Start:
    """Start a service with settings of the test's own, which the test may break."""
    return lambda **options: running(template, tmp_path, **options)


@pytest.fixture
def unchanged(stored: Callable[[int], WorkItem], database: Database) -> Callable[..., AbstractContextManager[None]]:
    """Check that items are the same after a block as before it, down to their histories."""

    def look(items: tuple[WorkItem, ...]) -> list[object]:
        return [(stored(one.id), database.read(lambda tx, i=one.id: history.of(tx, i)).result(10)) for one in items]

    @contextmanager
    def check(*items: WorkItem) -> Iterator[None]:
        before = look(items)
        yield
        assert look(items) == before

    return check
