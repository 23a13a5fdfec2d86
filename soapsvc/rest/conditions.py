"""Which version a client saw: entity tags, If-Match and If-None-Match (RFC 9110, sections 8.8.3 and 13.1)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soapsvc.domain.errors import InvalidRequest

NEVER = -2
"""A supplied version that no item is at, and that is not the one which means the latest."""

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(rf"\s*(?:,\s*)*{_TAG.pattern}(?:\s*,\s*(?:{_TAG.pattern})?)*\s*")
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,17})")
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Tags:
    """The entity tags of a condition: any, or those of these versions; weak ones apart."""

    is_any: bool = False
    strong: tuple[int, ...] = ()
    weak: tuple[int, ...] = ()


def entity_tag(version: int) -> str:
    """Write the entity tag of an item at a version."""
    return f'"{version}"'


def read_tags(name: str, values: Sequence[str]) -> Tags | None:
    """Read If-Match or If-None-Match, as often as it came; None where it did not come. Raises InvalidRequest.

    A tag that is none of ours is of no version.
    """
    if not values:
        return None
    text = ", ".join(values)
    if text.strip() == "*":
        return Tags(is_any=True)
    if len(text) > _LONGEST or not _LIST.fullmatch(text):
        raise InvalidRequest(f'{name} has entity tags such as "7", divided by commas, or *')
    found = [(bool(weak), int(tag)) for weak, tag in _TAG.findall(text) if _VERSION.fullmatch(tag)]
    return Tags(
        strong=tuple(tag for is_weak, tag in found if not is_weak), weak=tuple(tag for is_weak, tag in found if is_weak)
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """What a request says of the version that it is based on: by If-Match, which decides, or in its body."""

    if_match: Tags | None = None
    in_body: int | None = None

    @property
    def names_a_version(self) -> bool:
        """Whether it is bound to what its client saw; `*` takes whatever there is."""
        return self.in_body is not None if self.if_match is None else not self.if_match.is_any

    def version(self, current: Callable[[], int]) -> int | None:
        """Give the version that the item must be at, None for any; `current` looks it up, should it be needed.

        If-Match compares strongly: a weak tag never matches.
        """
        tags = self.if_match
        if tags is None:
            return self.in_body
        if tags.is_any:
            return None
        if len(tags.strong) == 1:
            return tags.strong[0]
        found = current() if tags.strong else NEVER
        return found if found in tags.strong else (*tags.strong, NEVER)[0]


def is_unchanged(tags: Tags | None, version: int) -> bool:
    """Say whether a client has this version already, by its If-None-Match, which compares weakly."""
    return tags is not None and (tags.is_any or version in {*tags.strong, *tags.weak})
