"""An organisation as an operator writes it: a YAML file, checked whole, with every complaint at its line."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.domain.errors import DuplicateEntity, UnknownReference
from soapsvc.domain.organisation import EntityType, guid_key, may_be_guid, may_be_named
from soapsvc.domain.organisation_model import EntityName, Link, ModelEntity, OrganisationModel, PrivilegeGrant
from soapsvc.yaml_file import Entry, InvalidFile, Lines, Place, Text
from soapsvc.yaml_file import read as read_yaml
from soapsvc.yaml_file import write as write_yaml

MOST_BYTES = 5_000_000

_T = EntityType


class InvalidOrganisationFile(InvalidFile):
    """A file of an organisation cannot be used; the message says where and why."""


def _name(text: str) -> str:
    if not may_be_named(EntityType.GROUP, text):
        raise ValueError("it has 1 to 100 printable characters, no commas, no blanks at its ends")
    return text


def _resource_name(text: str) -> str:
    if not may_be_named(EntityType.RESOURCE, text):
        raise ValueError(
            "it has 1 to 100 printable characters, no commas, colons or backslashes, no blanks at its ends"
        )
    return text


def _guid(text: str) -> str:
    if not may_be_guid(text):
        raise ValueError("it has 1 to 64 printable characters, no commas, no blanks at its ends")
    return text


def _is_open_to_all(action: SystemAction) -> SystemAction:
    if action not in ALLOWED_TO_ALL:
        raise ValueError(f"only what is open to all can be denied: {', '.join(sorted(ALLOWED_TO_ALL))}")
    return action


_Name = Annotated[Text, AfterValidator(_name)]
_Names = list[Text]
_Action = Annotated[SystemAction, Field(strict=False)]


class _Named(Entry):
    name: _Name
    guid: Annotated[Text, AfterValidator(_guid)] | None = None


class _PositionEntry(_Named):
    privileges: _Names = Field(default_factory=list)


class _GroupEntry(_PositionEntry):
    groups: "list[_GroupEntry]" = Field(default_factory=list)


class _UnitEntry(_GroupEntry):
    positions: list[_PositionEntry] = Field(default_factory=list)
    units: "list[_UnitEntry]" = Field(default_factory=list)


class _OrganisationEntry(_Named):
    units: list[_UnitEntry] = Field(default_factory=list)


class _ScopedAction(Entry):
    action: _Action
    scope: Text


def _form_of_action(value: object) -> str:
    return "scoped" if isinstance(value, dict) else "everywhere"


class _PrivilegeEntry(_Named):
    actions: list[
        Annotated[
            Annotated[_Action, Tag("everywhere")] | Annotated[_ScopedAction, Tag("scoped")],
            Discriminator(_form_of_action),
        ]
    ] = Field(default_factory=list)


class _ResourceEntry(_Named):
    name: Annotated[Text, AfterValidator(_resource_name)]
    units: _Names = Field(default_factory=list)
    positions: _Names = Field(default_factory=list)
    groups: _Names = Field(default_factory=list)
    capabilities: _Names = Field(default_factory=list)
    max_open_items: int | None = Field(None, ge=0)


class _File(Entry):
    organisations: list[_OrganisationEntry] = Field(default_factory=list)
    groups: list[_GroupEntry] = Field(default_factory=list)
    capabilities: list[_Named] = Field(default_factory=list)
    privileges: list[_PrivilegeEntry] = Field(default_factory=list)
    resources: list[_ResourceEntry] = Field(default_factory=list)
    defaults: dict[Annotated[_Action, AfterValidator(_is_open_to_all)], Literal["allowed", "denied"]] = Field(
        default_factory=dict
    )


_NESTED = {"units": _T.ORGANIZATIONAL_UNIT, "positions": _T.POSITION, "groups": _T.GROUP}
"""What stands within what contains it."""

_TOP = {
    "organisations": _T.ORGANIZATION,
    "groups": _T.GROUP,
    "capabilities": _T.CAPABILITY,
    "privileges": _T.PRIVILEGE,
    "resources": _T.RESOURCE,
}
_HELD = {"privileges": _T.PRIVILEGE, "capabilities": _T.CAPABILITY}


def read(path: Path) -> OrganisationModel:
    """Read an organisation's file. Raises InvalidOrganisationFile."""
    content, lines = read_yaml(path, _File, InvalidOrganisationFile, most_bytes=MOST_BYTES)
    reading = _Reading(lines)
    for key, kind in _TOP.items():
        reading.take_all(getattr(content, key), kind, (key,), None)
    reading.check_references()
    return OrganisationModel(
        entities=tuple(reading.entities.values()),
        links=frozenset(reading.links),
        grants=frozenset(reading.grants),
        denied=frozenset(action for action, default in content.defaults.items() if default == "denied"),
    )


class _Reading:
    """What was found in a file so far, and where."""

    def __init__(self, lines: Lines) -> None:
        self.entities: dict[EntityName, ModelEntity] = {}
        self.links: dict[Link, Place] = {}
        self.grants: dict[PrivilegeGrant, Place] = {}
        self._lines = lines
        self._guids: set[str] = set()

    def take_all(self, entries: Iterable[_Named], kind: EntityType, at: Place, within: EntityName | None) -> None:
        """Take entities of one kind, and all that stands within them."""
        for position, entry in enumerate(entries):
            name = self._take(entry, kind, (*at, position))
            if within is not None:
                self.links[Link(within, name)] = (*at, position)
            self._take_content(entry, name, (*at, position))

    def check_references(self) -> None:
        """Refuse the file where it names what it does not have."""
        for link, at in self.links.items():
            for name in link:
                self._check(name, at)
        for grant, at in self.grants.items():
            if grant.scope is not None:
                self._check(EntityName(_T.ORGANIZATIONAL_UNIT, grant.scope), at)

    def _check(self, name: EntityName, at: Place) -> None:
        if name not in self.entities:
            self._lines.refuse(at, UnknownReference(name.type, name.name))

    def _take(self, entry: _Named, kind: EntityType, at: Place) -> EntityName:
        entity = ModelEntity(
            type=kind, name=entry.name, guid=entry.guid, max_open_items=getattr(entry, "max_open_items", None)
        )
        if entity.key in self.entities:
            self._lines.refuse((*at, "name"), DuplicateEntity(entity.name))
        if entity.guid is not None:
            if entity.guid_key in self._guids:
                self._lines.refuse((*at, "guid"), DuplicateEntity(entity.guid))
            self._guids.add(guid_key(entity.guid))
        self.entities[entity.key] = entity
        return entity.key

    def _take_content(self, entry: _Named, name: EntityName, at: Place) -> None:
        if isinstance(entry, _ResourceEntry):
            for key, kind in _NESTED.items():
                for position, other in enumerate(getattr(entry, key)):
                    self.links[Link(EntityName(kind, other), name)] = (*at, key, position)
        else:
            for key, kind in _NESTED.items():
                self.take_all(getattr(entry, key, ()), kind, (*at, key), name)
        for key, kind in _HELD.items():
            for position, other in enumerate(getattr(entry, key, ())):
                self.links[Link(name, EntityName(kind, other))] = (*at, key, position)
        if isinstance(entry, _PrivilegeEntry):
            for position, action in enumerate(entry.actions):
                grant = (
                    PrivilegeGrant(name.name, action.action, action.scope)
                    if isinstance(action, _ScopedAction)
                    else PrivilegeGrant(name.name, action)
                )
                self.grants[grant] = (*at, "actions", position)


def write(model: OrganisationModel) -> str:
    """Write an organisation so that its file loads to no difference."""
    writing = _Writing(model)
    content: dict[str, Any] = {key: writing.entries(kind) for key, kind in _TOP.items()}
    content["defaults"] = {str(action): "denied" for action in sorted(model.denied)}
    return write_yaml({key: value for key, value in content.items() if value})


class _Writing:
    """Makes the entries of an organisation's file."""

    def __init__(self, model: OrganisationModel) -> None:
        self._model = model
        self._below: dict[EntityName, list[EntityName]] = {}
        self._above: dict[EntityName, list[EntityName]] = {}
        for link in sorted(model.links):
            self._below.setdefault(link.above, []).append(link.below)
            self._above.setdefault(link.below, []).append(link.above)
        self._entities = {entity.key: entity for entity in model.entities}

    def entries(self, kind: EntityType) -> list[dict[str, Any]]:
        """Give the entries of a kind that stand in no other, in the order of the organisation."""
        names = [entity.key for entity in self._model.entities if entity.type is kind]
        return [self._entry(name) for name in names if kind is not _T.GROUP or name not in self._above]

    def _entry(self, name: EntityName) -> dict[str, Any]:
        entity = self._entities[name]
        entry: dict[str, Any] = {"name": entity.name, "guid": entity.guid}
        for key, kind in _HELD.items():
            entry[key] = [below.name for below in self._below.get(name, ()) if below.type is kind]
        for key, kind in _NESTED.items():
            if entity.type is _T.RESOURCE:
                entry[key] = [above.name for above in self._above.get(name, ()) if above.type is kind]
            else:
                entry[key] = [self._entry(below) for below in self._below.get(name, ()) if below.type is kind]
        entry["actions"] = self._actions(entity)
        entry["max_open_items"] = entity.max_open_items
        return {key: value for key, value in entry.items() if value not in (None, [])}

    def _actions(self, entity: ModelEntity) -> Sequence[object]:
        if entity.type is not _T.PRIVILEGE:
            return []
        grants = sorted((grant for grant in self._model.grants if grant.privilege == entity.name), key=str)
        return [
            str(grant.action) if grant.scope is None else {"action": str(grant.action), "scope": grant.scope}
            for grant in grants
        ]
