"""Views of work lists in the database, with who may use and edit them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import UnknownWorkListView
from soapsvc.domain.list_view import Criteria, ListView, Shows
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.storage.closure import all_of_one
from soapsvc.storage.list_tables import list_view, list_view_share
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import entity, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction


class _Role(StrEnum):
    """What somebody is to a view; a reader took it up himself."""

    AUTHOR = "AUTHOR"
    USER = "USER"
    READER = "READER"


class Which(StrEnum):
    """Which views of those that there are."""

    PUBLIC = "that everybody may use"
    EDITABLE = "that somebody may edit"
    USED = "that somebody uses"


def _of(alias: sa.FromClause, name: str) -> list[sa.ColumnElement[Any]]:
    return [alias.c[column].label(f"{name}_{column}") for column in ("id", "type", "guid", "name")]


_owner, _shown, _locker = entity.alias("owner"), entity.alias("shown"), entity.alias("locker")
_VIEW = (
    sa.select(*(column for column in list_view.c if column.name not in {"tenancy_id", "owner_id", "entity_id"}))
    .add_columns(*_of(_owner, "owner"), *_of(_shown, "entity"), *_of(_locker, "locker"))
    .select_from(
        list_view.join(_owner, sa.and_(_owner.c.id == list_view.c.owner_id, of_tenancy(_owner)))
        .outerjoin(_shown, sa.and_(_shown.c.id == list_view.c.entity_id, of_tenancy(_shown)))
        .outerjoin(_locker, sa.and_(_locker.c.id == list_view.c.locked_by, of_tenancy(_locker)))
    )
    .where(of_tenancy(list_view))
)
_WITH_ID = list_view.c.id == sa.bindparam("view")
_FIND = Statement(_VIEW.where(_WITH_ID))
_SHARES = Statement(
    sa.select(list_view_share.c.role, entity.c.id, entity.c.type, entity.c.guid, entity.c.name)
    .join(entity, entity.c.id == list_view_share.c.entity_id)
    .where(list_view_share.c.list_view_id == sa.bindparam("view"), of_tenancy(list_view_share, entity))
    .order_by(entity.c.id)
)
_SHARED_WITH = sa.select(list_view_share.c.list_view_id).where(
    list_view_share.c.entity_id.in_(all_of_one("person")), of_tenancy(list_view_share)
)
_OWN = list_view.c.owner_id == sa.bindparam("person")
_IN_ORDER = _VIEW.order_by(list_view.c.id).limit(sa.bindparam("most")).offset(sa.bindparam("start"))
_PUBLIC = Statement(_IN_ORDER.where(list_view.c.is_public.is_(True)))
_EDITABLE = Statement(
    _IN_ORDER.where(sa.or_(_OWN, list_view.c.id.in_(_SHARED_WITH.where(list_view_share.c.role == _Role.AUTHOR))))
)
_USED = Statement(
    _IN_ORDER.where(sa.or_(_OWN, list_view.c.id.in_(_SHARED_WITH.where(list_view_share.c.role != _Role.AUTHOR))))
)
_COUNT_OF_OWNER = Statement(
    sa.select(sa.func.count().label("count")).select_from(list_view).where(_OWN, of_tenancy(list_view))
)
_INSERT = Statement(insert_into(list_view, numbered=True))
_CHANGED = (
    "name", "description", "owner_id", "is_public", "shows", "entity_id", "is_allocated", "order_text", "filter_text",
    "custom_data", "modified_at", "locked_by",
)  # fmt: skip
_CHANGE = Statement(
    sa.update(list_view)
    .where(_WITH_ID, of_tenancy(list_view))
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGED})
)
_LOCK = Statement(
    sa.update(list_view)
    .where(_WITH_ID, sa.or_(list_view.c.locked_by.is_(None), list_view.c.locked_by == sa.bindparam("person")))
    .where(of_tenancy(list_view))
    .values(locked_by=sa.bindparam("person"))
)
_UNLOCK = Statement(sa.update(list_view).where(_WITH_ID, of_tenancy(list_view)).values(locked_by=None))
_DELETE = Statement(sa.delete(list_view).where(_WITH_ID, of_tenancy(list_view)))
_OF_VIEW = (list_view_share.c.list_view_id == sa.bindparam("view"), of_tenancy(list_view_share))
_UNSHARE_ALL = Statement(sa.delete(list_view_share).where(*_OF_VIEW))
_UNSHARE = Statement(sa.delete(list_view_share).where(*_OF_VIEW, list_view_share.c.role == sa.bindparam("as_role")))
_DROP = Statement(
    sa.delete(list_view_share).where(
        *_OF_VIEW,
        list_view_share.c.role == _Role.READER,
        list_view_share.c.entity_id == sa.bindparam("person"),
    )
)
_SHARE = Statement(insert_into(list_view_share))


@dataclass(frozen=True, slots=True)
class _Shares:
    authors: tuple[Entity, ...]
    users: tuple[Entity, ...]


def get(tx: Transaction, view_id: int) -> ListView:
    """Load a view, whole. Raises UnknownWorkListView."""
    row = _FIND.row(tx, view=view_id)
    if row is None:
        raise UnknownWorkListView(view_id)
    return _view(row, _shares(tx, view_id))


def find_all(tx: Transaction, which: Which, person: Entity, *, start: int, most: int) -> Sequence[ListView]:
    """Give views in the order in which they were made, without their authors and users."""
    bound: dict[str, Any] = {"start": start, "most": most}
    if which is Which.PUBLIC:
        rows = _PUBLIC.rows(tx, **bound)
    else:
        rows = (_EDITABLE if which is Which.EDITABLE else _USED).rows(tx, person=person.id, **bound)
    return [_view(row, _Shares((), ())) for row in rows]


def count_of_owner(tx: Transaction, owner: Entity) -> int:
    """Say how many views somebody has."""
    number: int = _COUNT_OF_OWNER.value(tx, person=owner.id)
    return number


def add(tx: Transaction, new: ListView) -> int:
    """Store a new view, and give the id that it gets."""
    columns = _columns(new) | {"created_at": new.created}
    view_id: int = _INSERT.value(tx, **columns)
    _share(tx, view_id, _Role.AUTHOR, new.authors)
    _share(tx, view_id, _Role.USER, new.users)
    return view_id


def change(tx: Transaction, view: ListView) -> None:
    """Store what became of a view."""
    _CHANGE.change(tx, view=view.id, **{f"new_{name}": value for name, value in _columns(view).items()})
    for role, entities in ((_Role.AUTHOR, view.authors), (_Role.USER, view.users)):
        _UNSHARE.change(tx, view=view.id, as_role=role)
        _share(tx, view.id, role, entities)


def lock(tx: Transaction, view: ListView, by: Entity) -> bool:
    """Keep others from editing a view, unless one of them keeps its locker from that; say whether it is his now."""
    return _LOCK.change(tx, view=view.id, person=by.id) == 1


def unlock(tx: Transaction, view: ListView) -> None:
    """Let others edit a view."""
    _UNLOCK.change(tx, view=view.id)


def delete(tx: Transaction, view: ListView) -> None:
    """Forget a view."""
    _UNSHARE_ALL.change(tx, view=view.id)
    _DELETE.change(tx, view=view.id)


def take_up(tx: Transaction, view: ListView, person: Entity) -> None:
    """Put a view among those that somebody uses."""
    drop(tx, view, person)
    _share(tx, view.id, _Role.READER, [person])


def drop(tx: Transaction, view: ListView, person: Entity) -> None:
    """Take a view that somebody took up from among those that he uses."""
    _DROP.change(tx, view=view.id, person=person.id)


def _share(tx: Transaction, view_id: int, role: _Role, entities: Iterable[Entity]) -> None:
    ids = dict.fromkeys(one.id for one in entities)
    if ids:
        _SHARE.change_each(tx, [{"list_view_id": view_id, "role": role, "entity_id": one} for one in ids])


def _columns(view: ListView) -> dict[str, Any]:
    return {
        "name": view.name,
        "description": view.description,
        "owner_id": view.owner.id,
        "is_public": view.is_public,
        "shows": view.shows,
        "entity_id": view.entity.id if view.entity else None,
        "is_allocated": view.shows_allocated,
        "order_text": view.criteria.order,
        "filter_text": view.criteria.filter,
        "custom_data": view.custom_data,
        "modified_at": view.modified,
        "locked_by": view.locker.id if view.locker else None,
    }


def _shares(tx: Transaction, view_id: int) -> _Shares:
    found: dict[str, list[Entity]] = {role: [] for role in _Role}
    for row in _SHARES.rows(tx, view=view_id):
        found[row.role].append(Entity(id=row.id, type=EntityType(row.type), guid=row.guid, name=row.name))
    return _Shares(tuple(found[_Role.AUTHOR]), tuple(found[_Role.USER]))


def _entity(row: Any, name: str) -> Entity | None:
    identity, kind, guid, called = (getattr(row, f"{name}_{column}") for column in ("id", "type", "guid", "name"))
    return None if identity is None else Entity(id=identity, type=EntityType(kind), guid=guid, name=called)


def _view(row: Any, shares: _Shares) -> ListView:
    owner = _entity(row, "owner")
    if owner is None:
        raise LookupError(f"the work list view {row.id} has no owner")
    return ListView(
        id=row.id,
        name=row.name,
        description=row.description,
        owner=owner,
        is_public=row.is_public,
        shows=Shows(row.shows),
        entity=_entity(row, "entity"),
        shows_allocated=row.is_allocated,
        criteria=Criteria(order=row.order_text, filter=row.filter_text),
        custom_data=row.custom_data,
        created=row.created_at,
        modified=row.modified_at,
        locker=_entity(row, "locker"),
        authors=shares.authors,
        users=shares.users,
    )
