"""SOAP and REST on one item and one counter: what one door does the other one sees, and who races, races for it."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from lxml import etree

from soapsvc.settings import Settings
from soapsvc.storage import history
from tests.conftest import KINDS
from tests.rest.conftest import Rest, Version, opened
from tests.support.soap import content_of

CLIENTS, ROUNDS = 4, 15
SEED = 20261122
NOTHING = "<workItemPayload><dataModel/></workItemPayload>"


def _soap(rest: Rest, operation: str, item: int, version: int, more: str = "") -> Any:
    return rest.soap.ask(operation, f'<workItemID id="{item}" version="{version}"/>{more}')


def test_an_item_that_was_opened_over_soap_is_saved_over_rest_and_the_reverse(rest: Rest) -> None:
    item = rest.item()
    assert _soap(rest, "allocateAndOpenWorkItem", item.id, 0, "<resource>ana</resource>").status == 200
    shown = rest.get(f"/WorkItems/{item.guid}").json
    version = Version(item.guid, shown["sessionVersionId"])
    saved = rest.put(f"{version.path}/SaveAndClose", {"version": 1})
    assert (saved.json["status"], saved.headers["etag"]) == ("Saved", '"2"')
    begun = rest.put(Version(item.guid, str(uuid.uuid4())).path, if_match='"2"')
    assert (begun.status, begun.headers["etag"]) == (201, '"3"')
    closed = content_of(_soap(rest, "closeWorkItem", item.id, 3).body)
    assert closed.find(".//{*}workItemID").get("version") == "4"  # type: ignore[union-attr]
    assert rest.get(f"/WorkItems/{item.guid}").headers["etag"] == '"4"'
    assert rest.put(f"{version.path}/SaveAndClose", if_match='"3"').json["status"] == "Saved"


def test_each_door_tells_of_a_version_that_the_other_one_has_passed(rest: Rest) -> None:
    version = rest.begun()
    item = rest.stored(version.item)
    rest.call("PATCH", f"{version.at}/AnswerSet/Content", {"Customer": "a"})
    stale = _soap(rest, "closeWorkItem", item.id, 1)
    assert b"is currently at version 2, not at version 1" in stale.body
    assert _soap(rest, "saveOpenWorkItem", item.id, 2, NOTHING).status == 200
    told = rest.put(f"{version.path}/SaveAndClose", if_match='"2"')
    assert (told.problem, told.json["currentVersion"]) == ((412, "version-mismatch"), 3)


class _Racer:
    """Changes an item by whichever door, each time from the version that it saw last, and counts what it won."""

    def __init__(self, rest: Rest, version: Version, item: int, number: int) -> None:
        self._rest = rest
        self._version = version
        self._item = item
        self._number = number
        self._luck = random.Random(SEED + number)

    def run(self) -> list[int]:
        """Give the versions that this one made."""
        won: list[int] = []
        seen = 1
        while len(won) < ROUNDS:
            by = self._luck.choice([self._by_soap, self._by_answers, self._by_resuming])
            is_won, seen = by(seen)
            if is_won:
                won.append(seen)
        return won

    def _by_soap(self, seen: int) -> tuple[bool, int]:
        answer = _soap(self._rest, "saveOpenWorkItem", self._item, seen, NOTHING)
        if answer.status == 200:
            (told,) = etree.fromstring(answer.body).iter("workItemID")
            return True, int(told.get("version", ""))
        (error,) = etree.fromstring(answer.body).iter("error")
        assert error.get("code") == "BRM_WORKITEM_VERSION_MISMATCH", answer.body
        return False, int(error[1].text or "")

    def _by_answers(self, seen: int) -> tuple[bool, int]:
        path = f"{self._version.at}/AnswerSet/Content"
        return self._told(self._rest.call("PATCH", path, {"Amount": self._number}, if_match=f'"{seen}"'))

    def _by_resuming(self, seen: int) -> tuple[bool, int]:
        answers = {"Customer": f"{self._number} at {seen}"}
        return self._told(self._rest.put(self._version.path, {"answers": answers, "version": seen}))

    def _told(self, answer: Any) -> tuple[bool, int]:
        if answer.status < 300:
            return True, int(answer.headers["etag"].strip('"'))
        assert answer.status in {409, 412}, answer.json
        return False, answer.json["currentVersion"]


@pytest.mark.parametrize("kind", KINDS)
def test_clients_of_both_doors_that_race_for_an_item_make_each_version_once(settings: Settings) -> None:
    with opened(settings) as rest, ThreadPoolExecutor(CLIENTS) as pool:
        version = rest.begun()
        item = rest.stored(version.item).id
        racers = [_Racer(rest, version, item, number) for number in range(CLIENTS)]
        won = [made for racing in [pool.submit(one.run) for one in racers] for made in racing.result(60)]
        assert sorted(won) == list(range(2, CLIENTS * ROUNDS + 2))
        ended = [pool.submit(rest.put, f"{version.path}/SaveAndClose"), pool.submit(_close, rest, item)]
        assert {one.result(30).status for one in ended} <= {200, 409, 500}
        entries = rest.database.read(lambda tx: history.of(tx, item)).result(10)
        assert [entry.version for entry in entries] == list(range(CLIENTS * ROUNDS + 3))
        assert rest.stored(version.item).version == CLIENTS * ROUNDS + 2


def _close(rest: Rest, item: int) -> Any:
    return rest.soap.ask("closeWorkItem", f'<workItemID id="{item}"/>')
