"""Reads the schemas and WSDLs of wsdl/ as data, to compare the declarations with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from tests.support.soap import WSDL_FOLDER

XS = "{http://www.w3.org/2001/XMLSchema}"
XS_NAMESPACE = XS.strip("{}")
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
WSDL_SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
WSDL_SOAP12 = "{http://schemas.xmlsoap.org/wsdl/soap12/}"


@dataclass(frozen=True)
class Member:
    """An element or an attribute of a type; `type` is the builtin type, or the complex type's name."""

    name: str
    kind: str
    type: str
    values: tuple[str, ...] = ()
    least: int = 0
    most: int | None = 1
    longest: int | None = None


class Schemas:
    """All global elements and types of the contract, by their qualified names."""

    def __init__(self, folder: Path = WSDL_FOLDER) -> None:
        self.elements: dict[str, etree._Element] = {}
        self.types: dict[str, etree._Element] = {}
        for file in sorted(folder.glob("*.xsd")):
            root = etree.parse(file).getroot()
            namespace = root.get("targetNamespace")
            for part in root:
                if part.tag == f"{XS}element":
                    self.elements[f"{{{namespace}}}{part.get('name')}"] = part
                elif part.tag in {f"{XS}complexType", f"{XS}simpleType"}:
                    self.types[f"{{{namespace}}}{part.get('name')}"] = part

    def type_of(self, element: str) -> str:
        """Give the qualified name of a global element's type."""
        return qualified_name(self.elements[element], "type")

    def members(self, type_name: str) -> list[Member]:
        """Give the members of a complex type, those of its base first; elements before attributes."""
        found = list(self._members(self.types[type_name]))
        return [m for m in found if m.kind == "element"] + [m for m in found if m.kind == "attribute"]

    def repeats(self, type_name: str) -> bool:
        """Say whether the whole sequence of a type repeats, as interleaved groups do."""
        sequence = self.types[type_name].find(f"{XS}sequence")
        return sequence is not None and sequence.get("maxOccurs") == "unbounded"

    def _members(self, part: etree._Element, *, chosen: bool = False) -> Iterator[Member]:
        for child in part.iterchildren(etree.Element):
            if child.tag in {f"{XS}sequence", f"{XS}choice", f"{XS}complexContent"}:
                yield from self._members(child, chosen=chosen or child.tag == f"{XS}choice")
            elif child.tag == f"{XS}extension":
                yield from self._members(self.types[qualified_name(child, "base")])
                yield from self._members(child)
            elif child.tag == f"{XS}element":
                assert child.get("form") is None
                least = 0 if chosen else int(child.get("minOccurs", "1"))
                most = None if child.get("maxOccurs") == "unbounded" else int(child.get("maxOccurs", "1"))
                yield Member(str(child.get("name")), "element", *self._resolved(child, least, most))
            elif child.tag == f"{XS}attribute":
                least = 1 if child.get("use") == "required" else 0
                yield Member(str(child.get("name")), "attribute", *self._resolved(child, least, 1))
            else:
                assert child.tag == f"{XS}annotation", child.tag

    def _resolved(
        self, part: etree._Element, least: int, most: int | None
    ) -> tuple[str, tuple[str, ...], int, int | None, int | None]:
        name = qualified_name(part, "type")
        declared = self.types.get(name)
        if declared is None or declared.tag == f"{XS}complexType":
            assert declared is not None or name.startswith(XS), name
            return etree.QName(name).localname, (), least, most, None
        restriction = declared.find(f"{XS}restriction")
        assert restriction is not None
        values = tuple(str(value.get("value")) for value in restriction.findall(f"{XS}enumeration"))
        longest = restriction.find(f"{XS}maxLength")
        base = etree.QName(qualified_name(restriction, "base")).localname
        return base, values, least, most, None if longest is None else int(str(longest.get("value")))


def qualified_name(part: etree._Element, attribute: str) -> str:
    """Read an attribute that holds a QName, in lxml's form."""
    prefix, _, name = str(part.get(attribute)).rpartition(":")
    return f"{{{part.nsmap[prefix or None]}}}{name}"


@dataclass(frozen=True)
class WsdlOperation:
    """An operation as a WSDL declares it; `faults` maps the names of its faults to their elements."""

    service: str
    name: str
    request: tuple[str, str]
    response: tuple[str, str]
    faults: dict[str, str]


def wsdl_operations(folder: Path = WSDL_FOLDER) -> list[WsdlOperation]:
    """Give all operations of all WSDLs."""
    return [one for file in sorted(folder.glob("*.wsdl")) for one in _operations(etree.parse(file).getroot())]


def _operations(root: etree._Element) -> Iterator[WsdlOperation]:
    parts = {}
    for message in root.findall(f"{WSDL}message"):
        (part,) = message
        parts[message.get("name")] = str(part.get("name")), qualified_name(part, "element")

    def part_of(element: etree._Element | None) -> tuple[str, str]:
        assert element is not None
        return parts[str(element.get("message")).partition(":")[2]]

    for port_type in root.findall(f"{WSDL}portType"):
        for operation in port_type.findall(f"{WSDL}operation"):
            yield WsdlOperation(
                service=str(port_type.get("name")),
                name=str(operation.get("name")),
                request=part_of(operation.find(f"{WSDL}input")),
                response=part_of(operation.find(f"{WSDL}output")),
                faults={str(one.get("name")): part_of(one)[1] for one in operation.findall(f"{WSDL}fault")},
            )
