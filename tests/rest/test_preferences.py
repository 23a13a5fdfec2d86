"""Prefer, as RFC 7240 has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.rest.preferences import Preferences, read_preferences

ASYNC = Preferences(respond_async=True)
READ = {
    "respond-async": ASYNC,
    "Respond-Async": ASYNC,
    "respond-async; x=1": ASYNC,
    "return=minimal, respond-async": ASYNC,
    "wait=10": Preferences(wait=10),
    "Wait = 10": Preferences(wait=10),
    'wait="10"': Preferences(wait=10),
    "respond-async, wait=10": Preferences(respond_async=True, wait=10),
    "wait=10, wait=20": Preferences(wait=10),
    "wait=0": Preferences(wait=0),
    "wait=-1": Preferences(),
    "wait=1.5": Preferences(),
    "wait": Preferences(),
    "wait=٣": Preferences(),
    "wait=99999999999": Preferences(),
    "respond-asynchronously": Preferences(),
    'x="respond-async"': Preferences(),
    "": Preferences(),
    ",,": Preferences(),
    "handling=lenient;respond-async": Preferences(),
}


@pytest.mark.parametrize("text", READ)
def test_what_is_known_is_read_and_the_rest_passed_over(text: str) -> None:
    assert read_preferences([text]) == READ[text]


def test_preferences_may_come_in_several_fields_of_which_the_first_counts() -> None:
    assert read_preferences(["wait=10", "respond-async, wait=20"]) == Preferences(respond_async=True, wait=10)
    assert read_preferences([]) == Preferences()


@given(st.text(max_size=60))
def test_whatever_comes_is_read(text: str) -> None:
    read_preferences([text])
