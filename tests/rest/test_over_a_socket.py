"""The main paths through a real server: a client of another make, one that goes away, and several processes."""

import asyncio
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from soapsvc import serving
from soapsvc.jobs.version_operations import Work, nothing_to_do
from soapsvc.settings import Settings
from tests.conftest import PASSWORD
from tests.rest.conftest import BASE, SECONDS, until
from tests.support.server import Server

NEW = {"name": "Lease", "answers": {"Customer": "Adler"}}


@contextmanager
def _serving(template: Path, folder: Path, *, saving: Work = nothing_to_do) -> Iterator[tuple[serving.Service, str]]:
    path = shutil.copy(template, folder / "soapsvc.db")
    settings = Settings(database=f"sqlite:///{path}", port=serving.free_port(), credential_seconds=60)
    with serving.opened_service(settings, saving=saving) as service, serving.in_thread(service, settings):
        yield service, f"{settings.address}{BASE}"


def _client(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, auth=("supervisor", PASSWORD), timeout=SECONDS, trust_env=False)


def test_a_version_from_its_creation_to_its_end(template: Path, tmp_path: Path) -> None:
    with _serving(template, tmp_path) as (_, address), _client(address) as client:
        item, session = str(uuid.uuid4()), str(uuid.uuid4())
        created = client.put(f"/WorkItems/{{{item}}}", json=NEW)
        assert (created.status_code, created.headers["etag"]) == (201, '"0"')
        path = f"/WorkItems/{item}/Versions/%7B{session}%7D"
        begun = client.put(path, json={}, headers={"If-Match": '"0"'})
        assert (begun.status_code, begun.json()["versionId"]) == (201, session)
        answers = f"/WorkItems/{item}/AnswerSet/Content"
        changed = client.patch(answers, json={"Customer": "Bär"}, headers={"If-Match": '"1"'})
        assert changed.headers["etag"] == '"2"'
        stale = client.put(f"{path}/SaveAndClose", headers={"If-Match": '"1"'})
        assert (stale.status_code, stale.json()["currentVersion"]) == (412, 2)
        saved = client.put(f"{path}/SaveAndClose", headers={"If-Match": '"2"'})
        assert (saved.status_code, saved.json()["status"]) == (200, "Saved")
        assert client.get(saved.headers["content-location"]).json() == saved.json()
        assert client.get(answers, headers={"Accept": "application/xml"}).text.count("Bär") == 1
        assert client.head(answers).headers["content-length"] == client.get(answers).headers["content-length"]
        assert client.get(f"/WorkItems/{item}", headers={"If-None-Match": saved.headers["etag"]}).status_code == 304
        waited = client.get(f"/WorkItems/{item}", params={"afterVersion": 3, "wait": 0})
        assert (waited.status_code, waited.content) == (204, b"")
        assert {"content-length", "content-type"}.isdisjoint(waited.headers)


def test_who_goes_away_leaves_his_place_and_what_was_accepted_goes_on(template: Path, tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()

    def saving(_: Any) -> Any:
        began.set()
        assert may_end.wait(SECONDS)
        return ()

    with _serving(template, tmp_path, saving=saving) as (service, address), _client(address) as client:
        item = client.post("/WorkItems", json=NEW).json()["guid"]
        path = f"/WorkItems/{item}/Versions/{uuid.uuid4()}"
        client.put(path, json={})
        waiters = service.worker.operations._waiters
        asyncio.run(_go_away(address, f"{path}/SaveAndClose", "PUT", began))
        until(lambda: waiters.count == 0)
        asyncio.run(
            _go_away(address, f"/WorkItems/{item}?afterVersion=1&wait=60", "GET", lambda: service.items.count == 1)
        )
        until(lambda: service.items.count == 0)
        assert client.get(f"{path}/Status").json()["status"] == "Saving"
        may_end.set()
        until(lambda: bool(client.get(f"{path}/Status").json()["status"] == "Saved"))
        again = client.put(f"{path}/SaveAndClose", headers={"Idempotency-Key": "once"})
        assert again.json()["status"] == "Saved"


async def _go_away(address: str, path: str, method: str, is_under_way: Any) -> None:
    """Ask with a key, and leave when it is under way."""
    async with httpx.AsyncClient(base_url=address, auth=("supervisor", PASSWORD), trust_env=False) as client:
        headers = {"Idempotency-Key": "once"} if method == "PUT" else {}
        asking = asyncio.create_task(client.request(method, path, headers=headers, timeout=SECONDS))
        under_way = is_under_way.is_set if isinstance(is_under_way, threading.Event) else is_under_way
        await asyncio.to_thread(until, under_way)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize("processes", ["2"])
def test_several_processes_serve_one_item_and_wake_each_others_waiters(processes: str, tmp_path: Path) -> None:
    with Server(tmp_path, "--processes", processes, "--demo", "--demo-password", PASSWORD) as server:
        address = f"{server.address}{BASE}"
        with httpx.Client(base_url=address, auth=("ana", PASSWORD), timeout=SECONDS, trust_env=False) as client:
            item = client.get("/WorkItems", params={"limit": 1}).json()["items"][0]["guid"]
            path = f"/WorkItems/{item}/Versions/{uuid.uuid4()}"
            told = asyncio.run(_waited_for(address, item, path, count=6))
            assert {one.status_code for one in told} == {200}
            assert {one.json()["version"] for one in told} == {1}
            saved = client.put(f"{path}/SaveAndClose")
            assert (saved.json()["status"], saved.headers["etag"]) == ("Saved", '"2"')


async def _waited_for(address: str, item: str, path: str, *, count: int) -> list[httpx.Response]:
    """Have several wait, each with a connection of its own, and then change what they wait for."""
    async with httpx.AsyncClient(auth=("ana", PASSWORD), timeout=SECONDS, trust_env=False) as client:
        address_of_wait = f"{address}/WorkItems/{item}?afterVersion=0&wait=30"
        waiting = [asyncio.create_task(client.get(address_of_wait)) for _ in range(count)]
        begun = await client.put(f"{address}{path}", headers={"Connection": "close"})
        assert begun.status_code == 201
        return list(await asyncio.gather(*waiting))
