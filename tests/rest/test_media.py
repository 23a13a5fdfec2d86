"""Media types: what a body is, and what a client takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.rest.media import JSON, TEXT_XML, XML, is_in_utf8, preferred, type_of

OFFERED = (JSON, XML, TEXT_XML)
PREFERRED = {
    "": JSON,
    "*/*": JSON,
    "application/*": JSON,
    "application/json": JSON,
    "application/xml": XML,
    "Application/XML": XML,
    "text/xml": TEXT_XML,
    "text/*": TEXT_XML,
    "application/json;q=0.5, application/xml": XML,
    "application/json, application/xml": JSON,
    "application/xml;q=0.9, */*;q=0.1": XML,
    "application/json;q=0, */*": XML,
    "application/json; charset=utf-8; q=0.1, text/xml;q=0.2": TEXT_XML,
    "text/html, image/png": None,
    "application/json;q=0": None,
    "application/json;q=x": None,
    "*/*;q=0": None,
    "text/plain": None,
}


@pytest.mark.parametrize("accept", PREFERRED)
def test_the_media_type_is_the_one_that_the_client_likes_best(accept: str) -> None:
    assert preferred(accept, OFFERED) == PREFERRED[accept]


@pytest.mark.parametrize(
    ("content_type", "name"),
    [("", JSON), ("application/json", JSON), ("Application/JSON; charset=utf-8", JSON), ("text/xml ;x=y", TEXT_XML)],
)
def test_a_body_is_of_the_type_that_is_named_and_of_json_without_one(content_type: str, name: str) -> None:
    assert type_of(content_type) == name


@pytest.mark.parametrize(
    ("content_type", "is_it"),
    [
        ("application/json", True),
        ("application/json; charset=UTF-8", True),
        ('text/xml; charset="utf-8"', True),
        ("text/xml; charset=us-ascii", True),
        ("application/json; charset=iso-8859-1", False),
        ("text/xml;charset=utf-16", False),
    ],
)
def test_a_body_is_in_utf_8(content_type: str, is_it: bool) -> None:
    assert is_in_utf8(content_type) == is_it


@given(st.text(max_size=60))
def test_whatever_a_client_accepts_is_read(text: str) -> None:
    assert preferred(text, OFFERED) in {*OFFERED, None}
