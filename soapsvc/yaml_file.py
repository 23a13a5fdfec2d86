"""YAML files that an operator writes: read as plain data, checked whole, with every complaint at its line."""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from soapsvc.domain.values import is_xml_text

Place = tuple[Hashable, ...]
"""Where something stands in a document: names of mappings, positions in lists."""


def _xml_text(text: str) -> str:
    if not is_xml_text(text):
        raise ValueError("it has characters that XML cannot hold")
    return text


Text = Annotated[str, AfterValidator(_xml_text)]


class InvalidFile(Exception):
    """A file cannot be used; the message says where and why."""


class Entry(BaseModel):
    """A mapping of a file, whose names are all known and whose values are of the right types."""

    model_config = ConfigDict(extra="forbid", strict=True)


Content = TypeVar("Content", bound=Entry)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of everything in a file."""

    path: Path
    kind: type[InvalidFile]
    by_place: dict[Place, int]

    def of(self, at: Place) -> int:
        """Give the line of a place or, of what is missing, of what it is missing from."""
        while at and at not in self.by_place:
            at = at[:-1]
        return self.by_place.get(at, 1)

    def refuse(self, at: Place, complaint: object) -> NoReturn:
        """Raise the file's own kind of InvalidFile, with the line of a place."""
        raise self.kind(f"{self.path}, line {self.of(at)}: {complaint}") from None


def read(path: Path, form: type[Content], kind: type[InvalidFile], *, most_bytes: int) -> tuple[Content, Lines]:
    """Read a file of this form, and the lines of what is in it. Raises `kind`."""
    text = _text(path, kind, most_bytes)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        lines = Lines(path, kind, _lines_of(node, ()) if node is not None else {})
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise kind(f"{path}, line {line}: {error.problem}") from None
    except yaml.YAMLError as error:  # characters that YAML does not allow
        raise kind(f"{path} cannot be read: {error}") from None
    except RecursionError:  # an alias of what it stands in, or a file made to be deep
        raise kind(f"{path} is nested too deeply") from None
    try:
        return form.model_validate(content), lines
    except ValidationError as error:
        raise kind("\n".join(_complaints(error, lines))) from None


def write(content: Any) -> str:
    """Write plain data so that `read` reads them as they were."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _text(path: Path, kind: type[InvalidFile], most_bytes: int) -> str:
    try:
        if path.stat().st_size > most_bytes:
            raise kind(f"{path} has more than {most_bytes} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise kind(f"{path} cannot be read: {error}") from None


def _lines_of(node: yaml.Node, at: Place) -> dict[Place, int]:
    """Give the line of everything in a document, by its place. Raises MarkedYAMLError for a name that comes twice."""
    lines: dict[Place, int] = {at: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if (*at, key.value) in lines:
                problem = f"'{key.value}' stands in one mapping twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            lines |= _lines_of(value, (*at, key.value)) | {(*at, key.value): key.start_mark.line + 1}
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines |= _lines_of(value, (*at, position))
    return lines


def _complaints(error: ValidationError, lines: Lines) -> list[str]:
    return [
        f"{lines.path}, line {lines.of(tuple(one['loc']))}: {'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}"
        for one in error.errors(include_url=False)
    ]
