"""The compiled codec reads and writes every operation's messages as Spyne's generic one does, whatever they hold."""

import logging
from collections.abc import Callable, Iterator
from decimal import Decimal as DecimalNumber
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from spyne.model.complex import ComplexModelBase
from spyne.model.primitive import AnyUri, Date, DateTime, Duration, Time, Unicode, Uuid

from soapsvc.domain.errors import InvalidRequest
from soapsvc.soap import envelope, messages, reference
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.interface import OPERATIONS
from soapsvc.soap.operations import Operation
from soapsvc.soap.types import XmlFragment
from soapsvc.soap.versions import SOAP11, SOAP12, SoapVersion
from tests.support import written
from tests.support.declared import (
    VALUES,
    WRITTEN,
    Answers,
    Choices,
    UnknownKind,
    completed,
    kind_of,
    kinds_within,
    request_of,
    written_value,
)
from tests.support.soap import SCHEMA
from tests.support.soap import SOAP12 as SOAP12_NAMESPACE

LIMITS = MessageLimits()
EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
HAS_MOMENTS = [one for one in OPERATIONS.values() if DateTime in kinds_within(one.request)]
HAS_FREE_XML = [one for one in OPERATIONS.values() if XmlFragment in kinds_within(one.request)]
HAS_TEXTS = [one for one in OPERATIONS.values() if Unicode in kinds_within(one.response)]
EXTENTS = st.sampled_from(("some", "everything", "nothing"))
SEEDS = st.integers(0, 2**32)
QUICK = settings(max_examples=15, deadline=None, database=None)


@pytest.fixture(autouse=True, scope="module")
def quiet_spyne() -> Iterator[None]:
    """Spyne logs at length what it cannot write."""
    logger = logging.getLogger("spyne")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


Read = Callable[[Operation, etree._Element, MessageLimits], tuple[Any, ...]]


def plain(value: Any) -> Any:
    """Give a value as what can be compared: what it is of, and what it holds."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, ComplexModelBase):
        return type(value).__name__, {name: plain(getattr(value, name)) for name in type(value)._type_info}
    if isinstance(value, DecimalNumber):
        return value.as_tuple()
    return type(value).__name__, value


def outcome(read: Read, operation: Operation, message: bytes, soap: SoapVersion = SOAP11) -> Any:
    """Read a message as the door gives it, from a tree of its own: reading changes it."""
    try:
        return [plain(one) for one in read(operation, envelope.parse(message, None, LIMITS, soap).body, LIMITS)]
    except InvalidRequest as refused:
        return f"refused: {refused}"


def check_alike(operation: Operation, message: bytes) -> Any:
    found = outcome(messages.read, operation, message)
    assert found == outcome(reference.read, operation, message), message.decode()
    return found


# Reading


@EVERY_OPERATION
@given(seed=SEEDS, extent=EXTENTS, way=st.sampled_from(written.STRICT))
@example(seed=1, extent="everything", way=written.STRICT[0])
@example(seed=2, extent="everything", way=written.STRICT[1])
@example(seed=3, extent="nothing", way=written.STRICT[0])
@QUICK
def test_a_valid_request_means_the_same_to_both(operation: Operation, seed: int, extent: str, way: str) -> None:
    choices = Choices(seed, extent)
    message = written.message_of(operation, request_of(operation, choices), choices, way)
    SCHEMA.assertValid(envelope.parse(message, None, LIMITS).body)
    assert isinstance(check_alike(operation, message), list)


@EVERY_OPERATION
@given(seed=SEEDS, extent=EXTENTS, way=st.sampled_from(written.LENIENT))
@example(seed=1, extent="everything", way=written.LENIENT[0])
@example(seed=2, extent="nothing", way=written.LENIENT[1])
@QUICK
def test_a_lenient_form_means_the_same_to_both(operation: Operation, seed: int, extent: str, way: str) -> None:
    choices = Choices(seed, extent)
    request = request_of(operation, choices)
    written.empty_versions(request, choices)
    written.padded_moments(request)
    message = written.message_of(operation, request, choices, way)
    assert isinstance(check_alike(operation, message), list), message.decode()


@EVERY_OPERATION
@given(seed=SEEDS, extent=EXTENTS, way=st.sampled_from(written.STRICT + written.LENIENT))
@QUICK
def test_a_broken_request_is_refused_by_both_with_the_same_words_or_read_alike(
    operation: Operation, seed: int, extent: str, way: str
) -> None:
    choices = Choices(seed, extent)
    request = request_of(operation, choices)
    for _ in range(3):
        check_alike(operation, written.message_of(operation, written.broken(request, choices), choices, way))


@pytest.mark.parametrize("operation", HAS_MOMENTS, ids=lambda one: one.name)
@given(seed=SEEDS)
@QUICK
def test_a_moment_that_no_calendar_here_holds_is_refused_by_both_with_the_same_words(
    operation: Operation, seed: int
) -> None:
    choices = Choices(seed, "everything")
    request = request_of(operation, choices)
    if written.moved_beyond_the_calendar(request, choices):
        found = check_alike(operation, written.message_of(operation, request, choices, written.STRICT[0]))
        assert found.startswith("refused: A value of the request cannot be used"), found


@EVERY_OPERATION
@given(seed=SEEDS)
@QUICK
def test_a_request_of_soap_12_means_the_same_to_both(operation: Operation, seed: int) -> None:
    choices = Choices(seed, "some")
    request = request_of(operation, choices)
    message = written.message_of(operation, request, choices, written.STRICT[0], SOAP12_NAMESPACE)
    found = outcome(messages.read, operation, message, SOAP12)
    assert isinstance(found, list)
    assert found == outcome(reference.read, operation, message, SOAP12), message.decode()


def fragments_in(value: Any) -> Iterator[str]:
    """Give the free XML in what was read, in the order of the message."""
    if isinstance(value, list):
        for one in value:
            yield from fragments_in(one)
    elif isinstance(value, ComplexModelBase):
        for name, member in type(value)._type_info.items():
            if kind_of(member) is XmlFragment:
                yield from getattr(value, name) or ()
            else:
                yield from fragments_in(getattr(value, name))


@pytest.mark.parametrize("operation", HAS_FREE_XML, ids=lambda one: one.name)
@given(seed=SEEDS, way=st.sampled_from(written.STRICT))
@QUICK
def test_free_xml_is_kept_as_it_was_sent_with_all_prefixes_that_were_bound(
    operation: Operation, seed: int, way: str
) -> None:
    """What keeps it, both share: so it is held here against the message."""
    choices = Choices(seed, "everything")
    message = written.message_of(operation, request_of(operation, choices), choices, way)
    arguments = messages.read(operation, envelope.parse(message, None, LIMITS).body, LIMITS)
    kept = [etree.fromstring(one) for one in fragments_in(list(arguments))]
    places = "//complexSpec/value | //ComplexValue"
    found = envelope.parse(message, None, LIMITS).body.xpath(places)
    sent = [one for one in found if not any(outer in one.iterancestors() for outer in found)]
    assert len(kept) == len(sent)
    for one, other in zip(kept, sent, strict=True):
        assert one.nsmap == other.nsmap
        assert one.tag == "value"
        other.tag = "value"
        assert etree.tostring(one, method="c14n", exclusive=True) == etree.tostring(
            other, method="c14n", exclusive=True, with_tail=False
        )


# Writing


def canonical(message: bytes) -> bytes:
    return bytes(etree.tostring(etree.fromstring(message), method="c14n"))


@EVERY_OPERATION
@pytest.mark.parametrize("soap", [SOAP11, SOAP12], ids=lambda soap: soap.number)
@given(seed=SEEDS, extent=EXTENTS)
@example(seed=1, extent="everything")
@example(seed=2, extent="everything")
@example(seed=3, extent="nothing")
@QUICK
def test_an_answer_is_the_same_canonical_xml_by_both_and_valid(
    operation: Operation, soap: SoapVersion, seed: int, extent: str
) -> None:
    result = Answers(Choices(seed, extent)).result_of(operation)
    message = messages.write(operation, result, soap)
    assert canonical(message) == canonical(reference.write(operation, completed(result), soap))
    ((content,),) = etree.fromstring(message)
    SCHEMA.assertValid(content)


@pytest.mark.parametrize("operation", HAS_TEXTS, ids=lambda one: one.name)
@given(seed=SEEDS)
@QUICK
def test_a_text_that_xml_cannot_hold_is_written_by_neither(operation: Operation, seed: int) -> None:
    answers = Answers(Choices(seed, "everything"))
    answers.result_of(operation)
    spoilt = Answers(Choices(seed, "everything"), spoilt=seed % answers.texts).result_of(operation)
    with pytest.raises(ValueError, match="what XML cannot"):
        messages.write(operation, spoilt)
    with pytest.raises(ValueError):  # noqa: PT011 - the words are lxml's, or Python's
        reference.write(operation, completed(spoilt))


# No operation and no kind of value escapes what stands above


@EVERY_OPERATION
def test_every_kind_of_value_of_an_operation_can_be_made(operation: Operation) -> None:
    assert kinds_within(operation.request) <= WRITTEN.keys() | {XmlFragment}
    assert kinds_within(operation.response) <= VALUES.keys() | {XmlFragment}


@pytest.mark.parametrize("kind", [Date, Time, Duration, Uuid, AnyUri], ids=lambda kind: kind.__name__)
def test_a_kind_of_value_that_nobody_can_make_yet_is_an_error(kind: Any) -> None:
    with pytest.raises(UnknownKind):
        written_value(kind.customize(min_occurs=1), Choices(0, "some"))
    with pytest.raises(UnknownKind):
        Answers(Choices(0, "some")).value("name", kind.customize(min_occurs=1))


@pytest.mark.parametrize("extent", ["everything", "nothing", "some"])
def test_what_is_made_holds_of_all_that_is_optional_what_it_should(extent: str) -> None:
    """Else the tests above would compare nothing with nothing."""
    operation = next(one for one in OPERATIONS.values() if one.name == "scheduleWorkItem")
    item, *rest = request_of(operation, Choices(0, extent)).children
    names = [part.name for part in (item, *rest)]
    attributes = next((part.attributes for part in item.children if part.name == "attributes"), {})
    expected = {
        "everything": (["item", "itemSchedule", "itemContext", "itemBody"], 40),
        "nothing": (["item", "itemContext", "itemBody"], 0),
    }
    if extent in expected:
        assert (names, len(attributes)) == expected[extent]
    else:
        made = [request_of(operation, Choices(seed, extent)) for seed in range(50)]
        assert len({tuple(part.name for part in one.all()) for one in made}) > 25
