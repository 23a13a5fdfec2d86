"""The published contract: the WSDLs and schemas of wsdl/, to serve and to validate with."""

import re
import threading
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lxml import etree

from soapsvc.domain.errors import InvalidRequest

BASE_PATH = "/amxbpm/"
_PUBLISHED_ADDRESS = re.compile(r'(<soap(?:12)?:address location=")[^"]*' + re.escape(BASE_PATH))
_NAMES_IN_ERROR = re.compile(r"Element '(?:\{[^}]*\})?([^'{}]{1,100})'(?:, attribute '(?:\{[^}]*\})?([^'{}]{1,100})')?")

_local = threading.local()


@cache
def _folder() -> Traversable:
    """Give wsdl/: in the package where it was installed, else at the top of the checkout."""
    installed = resources.files("soapsvc") / "wsdl"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "wsdl"


@cache
def file_names() -> frozenset[str]:
    """Give the names of all files of the contract."""
    return frozenset(entry.name for entry in _folder().iterdir() if entry.name.endswith((".wsdl", ".xsd")))


def read(name: str) -> bytes:
    """Give a file of the contract as it was written."""
    return (_folder() / name).read_bytes()


@cache
def served(name: str, public_url: str) -> bytes:
    """Give a file of the contract with the addresses of its ports below `public_url`."""
    base = f"{public_url.rstrip('/')}{BASE_PATH}".replace("&", "&amp;").replace('"', "&quot;")
    return _PUBLISHED_ADDRESS.sub(lambda match: match[1] + base, read(name).decode()).encode()


def is_valid(element: etree._Element) -> bool:
    """Say whether an element is valid against the schemas."""
    return _schema().validate(element)


def validate(element: etree._Element) -> None:
    """Raise InvalidRequest unless an element is valid against the schemas.

    Each thread has a schema object of its own: a shared one shares its errors, and with them other callers' values.
    Even so the fault names only the place, never a value.
    """
    schema = _schema()
    if schema.validate(element):
        return
    error = schema.error_log[0]
    names = _NAMES_IN_ERROR.match(error.message)
    place = f"<{names[1]}>" if names else "an element"
    if names and names[2]:
        place += f", attribute {names[2]}"
    raise InvalidRequest(f"The request does not match the schema at {place}: {_reason(error)}")


def _reason(error: etree._LogEntry) -> str:
    """Say what is wrong by the validator's code, without what the caller sent."""
    return _REASONS.get(error.type_name, "it is not allowed here")


_REASONS = {
    "SCHEMAV_ELEMENT_CONTENT": "an element is missing or stands in the wrong place",
    "SCHEMAV_CVC_ELT_1": "there is no such element",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "there is no such attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "there is no such attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "a required attribute is missing",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "it must be empty",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "it must hold elements, not text",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "the value is not of the type that the schema asks for",
    "SCHEMAV_CVC_ENUMERATION_VALID": "the value is none of those that the schema lists",
    "SCHEMAV_CVC_MINLENGTH_VALID": "the value is too short",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "the value is too long",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "the value is too small",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "the value is too large",
}


def _schema() -> etree.XMLSchema:
    schema: etree.XMLSchema | None = getattr(_local, "schema", None)
    if schema is None:
        with resources.as_file(_folder()) as folder:
            schema = _local.schema = etree.XMLSchema(etree.parse(folder / "contract.xsd"))
    return schema
