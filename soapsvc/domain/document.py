"""Documents of a version, and the templates that they are made of."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from soapsvc.domain.version_errors import InvalidTemplatePackage

NAME_MAX_LENGTH = 255
MEDIA_TYPE_MAX_LENGTH = 127
MOST_TEMPLATES = 100
MOST_DOCUMENTS = 200
"""How many documents a version may have, those that were added among them."""

TEMPLATE_MAX_BYTES = 1_000_000
MEDIA_TYPES = {
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
"""What a template is by the end of its name, and so is its document."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDocument:
    """What a template became, or what was added to that."""

    name: str
    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document of a version, without its content; `position` counts from 0, `size` is in bytes."""

    id: str
    position: int
    name: str
    media_type: str
    size: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A template of a package: its document has the same name."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplatePackage:
    """Templates in the order of their documents. Raises InvalidTemplatePackage on construction."""

    id: str
    templates: Sequence[Template]

    def __post_init__(self) -> None:
        if not self.id.strip() or len(self.id) > NAME_MAX_LENGTH or not self.id.isprintable():
            raise InvalidTemplatePackage(
                self.id[:NAME_MAX_LENGTH], f"its id must have 1 to {NAME_MAX_LENGTH} characters"
            )
        if not 0 < len(self.templates) <= MOST_TEMPLATES:
            raise InvalidTemplatePackage(self.id, f"it must have 1 to {MOST_TEMPLATES} templates")
        for template in self.templates:
            self._check(template)
        if len({template.name for template in self.templates}) < len(self.templates):
            raise InvalidTemplatePackage(self.id, "two of its templates have one name")

    def _check(self, template: Template) -> None:
        if not is_file_name(template.name):
            raise InvalidTemplatePackage(self.id, "a template's name must be that of a file")
        if len(template.content) > TEMPLATE_MAX_BYTES:
            raise InvalidTemplatePackage(self.id, f"{template.name} has more than {TEMPLATE_MAX_BYTES} bytes")


def is_file_name(name: str) -> bool:
    """Say whether a template or document may have this name: that of a file, and of no folder."""
    is_plain = name.isprintable() and not set(name) & {"/", "\\"} and name not in {".", ".."}
    return is_plain and 0 < len(name) <= NAME_MAX_LENGTH


def template_of_file(package: str, name: str, content: bytes) -> Template:
    """Give a template by the name of its file. Raises InvalidTemplatePackage for one of no known kind."""
    media_type = next((kind for end, kind in MEDIA_TYPES.items() if name.lower().endswith(end)), None)
    if media_type is None:
        raise InvalidTemplatePackage(package, f"{name} is none of {', '.join(MEDIA_TYPES)}")
    return Template(name=name, media_type=media_type, content=content)
