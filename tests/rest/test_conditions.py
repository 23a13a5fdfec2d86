"""Entity tags: which version a request is based on, as RFC 9110 has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.errors import InvalidRequest
from soapsvc.rest.conditions import NEVER, Condition, Tags, entity_tag, is_unchanged, read_tags

READ = {
    '"7"': Tags(strong=(7,)),
    ' "7" ': Tags(strong=(7,)),
    '"0"': Tags(strong=(0,)),
    '"7", "9"': Tags(strong=(7, 9)),
    '"7","9"': Tags(strong=(7, 9)),
    ', "7",, "9",': Tags(strong=(7, 9)),
    'W/"7"': Tags(weak=(7,)),
    'W/"7", "9"': Tags(strong=(9,), weak=(7,)),
    "*": Tags(is_any=True),
    " * ": Tags(is_any=True),
    '"abc"': Tags(),
    '"07"': Tags(),
    '""': Tags(),
    '"-1"': Tags(),
    '"9999999999999999999"': Tags(),
}


@pytest.mark.parametrize("text", READ)
def test_tags_are_read_one_or_many_strong_or_weak(text: str) -> None:
    assert read_tags("If-Match", [text]) == READ[text]


@pytest.mark.parametrize(
    "text", ["7", "'7'", '"7', '7"', 'w/"7"', '"7" "9"', '*, "7"', "", " ", ",", '"7"\x00', '"7\n"']
)
def test_what_is_no_entity_tag_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="entity tags"):
        read_tags("If-Match", [text])


def test_a_list_may_come_in_several_fields_and_none_is_no_condition() -> None:
    assert read_tags("If-Match", ['"7"', 'W/"9"']) == Tags(strong=(7,), weak=(9,))
    assert read_tags("If-Match", []) is None


def test_a_list_that_is_too_long_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(InvalidRequest):
        read_tags("If-Match", [", ".join(['"7"'] * 1_000)])


CURRENT = 7
DEMANDED = [
    (None, None, None),
    (None, 5, 5),
    ('"5"', None, 5),
    ('"5"', 7, 5),
    ("*", None, None),
    ("*", 5, None),
    ('"5", "7"', None, 7),
    ('"5", "6"', None, 5),
    ('W/"7"', None, NEVER),
    ('W/"7", "5"', None, 5),
    ('W/"7"', 7, NEVER),
    ('"abc"', None, NEVER),
]


@pytest.mark.parametrize(("header", "in_body", "version"), DEMANDED)
def test_if_match_decides_what_version_the_item_must_be_at(
    header: str | None, in_body: int | None, version: int | None
) -> None:
    condition = Condition(read_tags("If-Match", [] if header is None else [header]), in_body)
    assert condition.version(lambda: CURRENT) == version


@pytest.mark.parametrize(
    ("header", "in_body", "does"),
    [
        (None, None, False),
        (None, 0, True),
        ('"0"', None, True),
        ("*", None, False),
        ("*", 3, False),
        ('W/"7"', None, True),
    ],
)
def test_a_condition_names_a_version_unless_it_takes_any(header: str | None, in_body: int | None, does: bool) -> None:
    condition = Condition(read_tags("If-Match", [] if header is None else [header]), in_body)
    assert condition.names_a_version == does


@pytest.mark.parametrize(
    ("header", "is_known"),
    [
        (None, False),
        ('"7"', True),
        ('W/"7"', True),
        ('"5", W/"7"', True),
        ("*", True),
        ('"5"', False),
        ('"abc"', False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, is_known: bool) -> None:
    assert is_unchanged(read_tags("If-None-Match", [] if header is None else [header]), CURRENT) == is_known


@given(st.integers(min_value=0, max_value=10**18 - 1))
def test_an_entity_tag_is_read_as_it_was_written(version: int) -> None:
    assert read_tags("If-Match", [entity_tag(version)]) == Tags(strong=(version,))


@given(st.text(max_size=50))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    try:
        read_tags("If-Match", [text])
    except InvalidRequest:
        return
