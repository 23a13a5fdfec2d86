"""When the service itself fails: one fault, without internals, and the next request is served."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import work_items
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import Answer
from tests.conftest import Soap
from tests.soap.conftest import Start
from tests.support.driver import watching
from tests.support.soap import Fault

SECRET = "internal-detail-4711"
TAKE = '<workItemID id="{id}" version="0"/><resource>ana</resource>'


def _check(answer: Answer) -> Fault:
    """Check the one fault of a service that fails, and that it says nothing of how it is made."""
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.actor) == (500, "Server", "PROVIDER")
    assert (fault.namespace, fault.name) == ("http://exception.api.brm.n2.tibco.com", "InternalServiceFault")
    for internal in (SECRET, "Error", "Traceback", "sql", "SELECT", "UPDATE", ".py", ".db", "soapsvc/"):
        assert internal not in answer.body.decode()
    return fault


@contextmanager
def failing(table: str, error: Exception) -> Iterator[None]:
    """Let every statement on a table fail."""

    def fail(_: Any, statement: str) -> None:
        if table in statement:
            raise error

    with watching(before=fail):
        yield


def test_an_unforeseen_error_in_a_write_is_an_internal_fault_and_changes_nothing(
    soap: Soap, offered: WorkItem, unchanged: Any, caplog: pytest.LogCaptureFixture
) -> None:
    content = TAKE.format(id=offered.id)
    with unchanged(offered), failing("UPDATE work_item", RuntimeError(SECRET)):
        fault = _check(soap.ask("allocateAndOpenWorkItem", content))
    assert (fault.error_code, fault.text) == ("BRM_INTERNAL", "The service failed; nothing was changed")
    assert SECRET in caplog.text  # the operator is told
    assert soap.ask("allocateAndOpenWorkItem", content).status == 200


def test_an_unforeseen_error_after_the_change_undoes_it(soap: Soap, offered: WorkItem, unchanged: Any) -> None:
    for table in ("INTO history", "INTO version_session", "INTO holder"):
        with unchanged(offered), failing(table, RuntimeError(SECRET)):
            _check(soap.ask("allocateAndOpenWorkItem", TAKE.format(id=offered.id)))


def test_an_unforeseen_error_in_a_read_is_an_internal_fault(soap: Soap, offered: WorkItem) -> None:
    content = f'<workItemID id="{offered.id}"/>'
    assert soap.ask("getWorkItemHeader", content).status == 200  # and so the sign-in is remembered
    with failing("work_item", RuntimeError(SECRET)):
        assert _check(soap.ask("getWorkItemHeader", content)).error_code == "BRM_INTERNAL"
    assert soap.ask("getWorkItemHeader", content).status == 200


def test_an_unforeseen_error_while_signing_in_is_an_internal_fault(soap: Soap, offered: WorkItem) -> None:
    content = f'<workItemID id="{offered.id}"/>'
    with failing("account", RuntimeError(SECRET)):
        _check(soap.ask("getWorkItemHeader", content, password="another one"))


@pytest.mark.parametrize("engine", ["reader", "writer"])
def test_a_database_error_is_an_internal_fault_that_tells_only_the_operator(
    soap: Soap, offered: WorkItem, unchanged: Any, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = sa.exc.OperationalError("SELECT 1", {}, Exception(SECRET))
    operation, content = "getWorkItemHeader", f'<workItemID id="{offered.id}"/>'
    if engine == "writer":
        operation, content = "allocateAndOpenWorkItem", TAKE.format(id=offered.id)
    assert soap.ask("getWorkItemHeader", f'<workItemID id="{offered.id}"/>').status == 200
    with unchanged(offered) if engine == "writer" else failing("work_item", error):
        if engine == "writer":
            with failing("UPDATE work_item", error):
                fault = _check(soap.ask(operation, content))
        else:
            fault = _check(soap.ask(operation, content))
    assert (fault.error_code, fault.text) == (
        "BRM_INTERNAL_STORAGE", "The service failed; nothing was changed",
    )  # fmt: skip
    assert SECRET in caplog.text
    assert soap.ask(operation, content).status == 200


@pytest.mark.parametrize("operation", ["getWorkItemHeader", "allocateAndOpenWorkItem"])
def test_a_service_that_shuts_down_tells_only_the_operator_why(
    start: Start, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = '<workItemID id="1"/>' + ("<resource>ana</resource>" if operation != "getWorkItemHeader" else "")
    with start() as soap:
        assert soap.ask("getWorkItemHeader", '<workItemID id="1"/>').status == 500  # unknown; ana is remembered
        soap.database.close()
        fault = _check(soap.ask(operation, content))
    assert "shutting down" in caplog.text
    assert (fault.error_code, fault.text) == (
        "BRM_INTERNAL_STORAGE", "The service failed; nothing was changed",
    )  # fmt: skip


def test_a_sign_in_while_the_service_shuts_down_is_an_internal_fault_too(start: Start) -> None:
    with start() as soap:
        soap.database.close()
        assert _check(soap.ask("getWorkItemHeader", '<workItemID id="1"/>')).error_code == "BRM_INTERNAL_STORAGE"


def test_a_database_that_cannot_be_opened_is_an_internal_fault(start: Start, tmp_path: Path) -> None:
    with start() as soap:
        file = tmp_path / "soapsvc.db"
        file.unlink()
        file.mkdir()
        # A reader that was connected before reads on; the turn of another comes soon.
        answers = (soap.ask("getWorkItemHeader", '<workItemID id="1"/>') for _ in range(50))
        fault = _check(next(answer for answer in answers if Fault(answer.body).code == "Server"))
    assert fault.error_code == "BRM_INTERNAL_STORAGE"


def test_an_answer_that_cannot_be_written_takes_its_change_back(soap: Soap, offered: WorkItem) -> None:
    """Its fault says that nothing was changed. Only what came by another way than ours can be so."""

    def spoil(tx: Transaction) -> None:
        tx.connection.execute(sa.text("UPDATE work_item SET name = :name WHERE id = :id"), _spoilt(offered.id))

    def versions(tx: Transaction) -> tuple[int, int]:
        rows = tx.connection.execute(
            sa.text("SELECT count(*) FROM history WHERE work_item_id = :id"), {"id": offered.id}
        )
        return work_items.get(tx, offered.id).version, rows.scalar_one()

    soap.database.write(spoil).result(10)
    fault = _check(soap.ask("allocateAndOpenWorkItem", TAKE.format(id=offered.id)))
    assert fault.text == "The service failed; nothing was changed"
    assert soap.database.read(versions).result(10) == (0, 1)


def _spoilt(item_id: int) -> dict[str, object]:
    return {"id": item_id, "name": "a\x01b"}
