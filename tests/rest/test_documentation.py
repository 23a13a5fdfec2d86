"""The description: valid, complete, in step with what is answered, and a page that loads nothing."""

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from soapsvc.rest import openapi, payloads
from soapsvc.rest.interface import OPERATIONS
from soapsvc.rest.problems import KINDS, TYPE
from soapsvc.rest.services import PREFIXES, Urls
from tests.rest.conftest import PUBLIC, Rest

DOCUMENT: Any = openapi.document(Urls(PUBLIC))
WRITES = [operation for operation in OPERATIONS if operation.writes]


def _described(name: str) -> Any:
    (found,) = (one for methods in DOCUMENT["paths"].values() for one in methods.values() if one["operationId"] == name)
    return found


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(_references(one) for one in node.values()))
    return set().union(*(_references(one) for one in node)) if isinstance(node, list) else set()


def test_it_is_served_in_both_forms_to_everybody(rest: Rest) -> None:
    for base in PREFIXES:
        document = rest.get("documentation/openapi.json", base=base, user=None)
        assert (document.status, document.headers["content-type"]) == (200, "application/json")
        assert document.json == msgspec.json.decode(msgspec.json.encode(DOCUMENT))
        page = rest.get("Documentation/Index.html", base=base, user=None)
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_it_says_openapi_3_1_and_where_the_service_is() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["servers"] == [{"url": f"{PUBLIC}/HdaApi/rest/v2.0"}]


def test_every_operation_is_described_and_every_reference_leads_somewhere() -> None:
    described = {
        (path, method.upper(), one["operationId"])
        for path, methods in DOCUMENT["paths"].items()
        for method, one in methods.items()
    }
    assert described == {(one.path, one.method, one.name) for one in OPERATIONS}
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert _references(DOCUMENT) <= known


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_describes_its_path_its_headers_and_its_problems(operation: Any) -> None:
    described = _described(operation.name)
    names = {(one["in"], one["name"]) for one in described["parameters"]}
    assert {name for place, name in names if place == "path"} == set(re.findall(r"\{(\w+)\}", operation.path))
    assert (("header", "If-Match") in names) == operation.versioned
    assert (("header", "Idempotency-Key") in names) == operation.writes
    assert (("header", "Prefer") in names) == operation.waits
    assert {"400", "401", "406", "429", "500", "503"} <= set(described["responses"])
    assert ("428" in described["responses"]) == (operation.versioned and operation.writes)
    for status, response in described["responses"].items():
        if int(status) >= 400:
            (schema,) = (content["schema"] for content in response["content"].values())
            types = schema["allOf"][1]["properties"]["type"]["enum"]
            assert all(KINDS[one.removeprefix(TYPE)].status == int(status) for one in types)


@pytest.mark.parametrize("name", ["saveAndClose", "complete", "createAndAssemble"])
def test_the_callback_is_described_where_it_is_asked_for(name: str) -> None:
    (callback,) = _described(name)["callbacks"].values()
    ((address, path),) = callback.items()
    assert address == "{$request.body#/callbackUrl}"
    assert path == DOCUMENT["webhooks"]["operationEnded"]
    reference = path["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert reference.endswith(f"/{payloads.Event.__name__}")


def test_a_problem_has_no_members_that_are_not_described() -> None:
    described = set(DOCUMENT["components"]["schemas"]["Problem"]["properties"])
    assert described >= {"type", "title", "status", "detail", "code", "parameters", "errors"}
    assert described >= {"suppliedVersion", "currentVersion", "state", "owner"}


class _Page(HTMLParser):
    """Notes what a page would load, run or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[tuple[str, str]] = []
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.add(value or "")
            elif name in {"src", "href", "action", "data", "style"} or name.startswith("on"):
                self.loads.append((tag, name))
            elif name == "id":
                self.ids.add(value or "")
        if tag in {"script", "iframe", "object", "img", "link", "base", "form"}:
            self.loads.append((tag, ""))


def test_the_page_loads_nothing_and_a_browser_is_told_to_let_it_load_nothing(rest: Rest) -> None:
    answer = rest.get("/documentation/index.html", base=PREFIXES[0].rstrip("/"), user=None)
    page = _Page()
    page.feed(answer.answer.body.decode())
    assert page.loads == []
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert {one.name for one in OPERATIONS} <= page.ids
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_a_description_of_another_address_is_another(rest: Rest) -> None:
    other: Any = openapi.document(Urls("https://acme.example"))
    assert other["servers"] == [{"url": "https://acme.example/HdaApi/rest/v2.0"}]
