"""Two tenancies that look alike, and everything that one could do to the other through the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.audit import AuditEntry, AuditFilter, AuditKind
from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.delivery import Delivery
from soapsvc.domain.errors import LostRace, UnknownWorkItem, UnknownWorkListView
from soapsvc.domain.list_view import Criteria, ListView, Shows
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.organisation_model import EntityName, Link, ModelEntity, PrivilegeGrant
from soapsvc.domain.states import Action
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.domain.work_list import DEFAULT_ORDER, IsNull, Order, OrderTerm
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import (
    answered_requests,
    audit,
    history,
    list_criteria,
    list_entries,
    list_marks,
    list_views,
    organisation,
    people,
    piles,
    standing,
    tenancies,
    work_items,
    work_lists,
    work_types,
)
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.list_views import Which
from soapsvc.storage.tables import metadata
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.work_lists import Listing, Place, Scope
from tests.support import two_deliveries, two_tenancies_credentials, two_versions

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOTES = Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, values=("as scheduled",))
NAME, GUID, TYPE, REQUEST = "dora", "GUID-of-dora", "claim", "request-1"
ACTION = SystemAction.VIEW_WORK_LIST
UNIT, PRIVILEGE, GROUP = (
    EntityName(EntityType.ORGANIZATIONAL_UNIT, "Claims"),
    EntityName(EntityType.PRIVILEGE, "Clerk"),
    EntityName(EntityType.GROUP, "Experts"),
)
LINKS = Link(UNIT, EntityName(EntityType.RESOURCE, NAME)), Link(UNIT, PRIVILEGE)
ENTRY = AuditEntry(
    id=0,
    at=LONG_AGO,
    kind=AuditKind.SIGN_IN,
    actor=NAME,
    actor_guid=GUID,
    address=None,
    subject=None,
    detail=None,
    hash="",
)
CHANGES = 6
"""What becomes of the items of one of the two, when they are made and after."""
BY_PRIORITY: Order = (OrderTerm("priority"), OrderTerm("id"))
NO_DESCRIPTION = IsNull("description")
DENIED = {"first": SystemAction.PEND_WORK_ITEM, "second": SystemAction.AUTO_OPEN_NEXT_WORK_ITEM}


@dataclass(frozen=True)
class Things:
    """What each of the two has: the names, GUIDs and keys are the same, the numbers of the database are not."""

    person: Entity
    unit: Entity
    privilege: Entity
    group: Entity
    retired: ModelEntity
    ids: organisation.Ids
    offered: WorkItem
    opened: WorkItem
    hidden: WorkItem
    credentials: two_tenancies_credentials.Credentials
    view: ListView
    work: two_versions.Work
    delivery: Delivery

    @property
    def items(self) -> Sequence[WorkItem]:
        return self.offered, self.opened, self.hidden


def furnish(tx: Transaction, mark: str) -> Things:
    """Put everything that there is into a tenancy; only the mark tells whose it is."""
    person = people.add_person(tx, name=NAME, guid=GUID, password_hash=f"hash of {mark}")
    people.grant(tx, person, ACTION)
    unit, privilege, group, retired, ids = _organise(tx, mark, person)
    work_types.put(tx, WorkType(id=TYPE, description=mark, fields=(NOTES,)))
    offered, taken, away = (_item(tx, person, guid) for guid in ("item-1", "item-2", "item-3"))
    opened = taken.allocated_and_opened(to=person, session=two_versions.SESSION)
    opened = work_items.save(tx, taken, opened, action=Action.ALLOCATE_AND_OPEN, by=person)
    held = work_items.save(tx, away, away.allocated(to=person), action=Action.ALLOCATE, by=person)
    gone = held.pended(hidden_until=tx.now() + timedelta(hours=1))
    hidden = work_items.save(tx, held, replace(gone, hidden_until=LONG_AGO), action=Action.PEND, by=person)
    piles.set_length(tx, person, TYPE, 2)
    answered_requests.remember(tx, person, REQUEST, digest="digest", answer=mark.encode(), since=tx.now())
    audit.append(tx, [replace(ENTRY, detail=mark)])
    credentials = two_tenancies_credentials.furnish(tx, mark, person)
    list_criteria.put(tx, person, Criteria(order=mark))
    view = _view(tx, person, unit)
    work = two_versions.furnish(tx, mark, offered, opened)
    opened = replace(opened, running=two_versions.RUNNING)
    delivery = two_deliveries.furnish(tx, mark, opened)
    return Things(
        person, unit, privilege, group, retired, ids, offered, opened, hidden, credentials, view, work, delivery
    )


def _view(tx: Transaction, person: Entity, unit: Entity) -> ListView:
    """Make a view of the unit's list, which the person has locked, and the unit may edit and use."""
    view = ListView(
        id=0,
        name="Urgent",
        description=None,
        owner=person,
        is_public=True,
        shows=Shows.ENTITY,
        entity=unit,
        shows_allocated=False,
        criteria=Criteria(),
        custom_data=None,
        created=LONG_AGO,
        modified=LONG_AGO,
        locker=person,
        authors=(unit,),
        users=(unit,),
    )
    stored = replace(view, id=list_views.add(tx, view))
    list_views.take_up(tx, stored, person)
    return stored


def _organise(
    tx: Transaction, mark: str, person: Entity
) -> tuple[Entity, Entity, Entity, ModelEntity, organisation.Ids]:
    """Put the person into a unit, which holds a privilege, which is granted something; a group stands apart."""
    ids = organisation.Ids({LINKS[0].below: person.id})
    for name in (UNIT, PRIVILEGE, GROUP):
        ids.put(name, organisation.add_entity(tx, _model(name, f"GUID-of-{name.name}")))
    unit, privilege, group = (organisation.entity_of(ids, name) for name in (UNIT, PRIVILEGE, GROUP))
    for link in LINKS:
        organisation.add_link(tx, ids, link)
    people.grant(tx, privilege, SystemAction.SKIP_WORK_ITEM, unit)
    organisation.set_default(tx, DENIED[mark], is_denied=True)
    retired = _model(EntityName(EntityType.GROUP, "Former"), "GUID-of-Former")
    organisation.retire_entity(tx, organisation.add_entity(tx, retired))
    return unit, privilege, group, retired, ids


def _model(name: EntityName, guid: str) -> ModelEntity:
    return ModelEntity(type=name.type, name=name.name, guid=guid)


def _item(tx: Transaction, person: Entity, guid: str) -> WorkItem:
    new = NewWorkItem(name="Review claim", work_type_id=TYPE)
    return work_items.add(tx, new, (NOTES,), guid=guid, by=person, offered_to=[person])


def play(url: sa.URL) -> None:
    """Furnish two tenancies, let each look at and meddle with what is the other's, and see that it came to nothing."""
    database = open_database(url)
    try:
        other = database.write(lambda tx: tenancies.add(tx, moniker="other", name="Other")).result(10)
        first, second = InTenancy(database, 1), InTenancy(database, other.id)
        things_of_first = first.write(lambda tx: furnish(tx, "first")).result(10)
        before = rows_of(first)
        things_of_second = second.write(lambda tx: furnish(tx, "second")).result(10)
        assert rows_of(first) == before, "a row went to the wrong tenancy"
        _confront(first, things_of_first, "first", second, things_of_second)
        _confront(second, things_of_second, "second", first, things_of_first)
    finally:
        database.close()


def rows_of(side: InTenancy) -> dict[str, list[Any]]:
    """All rows of a tenancy, as they are stored."""

    def look(tx: Transaction) -> dict[str, list[Any]]:
        return {
            name: sorted(tx.connection.exec_driver_sql(query), key=repr)
            for name, query in _rows_of_tenancy(side.tenancy).items()
        }

    return side.read(look).result(10)


@cache
def _rows_of_tenancy(tenancy: int) -> dict[str, str]:
    """Give the queries, by their tables: in SQL, because SQLAlchemy would compile them anew for each test."""
    tables = [name for name, table in metadata.tables.items() if "tenancy_id" in table.c]
    return {name: f"SELECT * FROM {name} WHERE tenancy_id = {tenancy}" for name in tables}  # noqa: S608


def _confront(one: InTenancy, own: Things, mark: str, other: InTenancy, theirs: Things) -> None:
    before = rows_of(other)
    one.write(lambda tx: _look_for_own(tx, own, mark)).result(10)  # what is looked for to be taken is locked
    one.write(lambda tx: _look_for_theirs(tx, theirs)).result(10)
    one.write(lambda tx: _meddle(tx, theirs)).result(10)
    assert rows_of(other) == before, "a row of the other tenancy was changed"


def _look_for_own(tx: Transaction, own: Things, mark: str) -> None:
    """What is asked for by a name that both have is one's own."""
    assert people.find_entity(tx, GUID) == own.person
    assert people.find_resource_by_name(tx, NAME) == own.person
    assert people.find_account(tx, NAME) == (own.person, f"hash of {mark}")
    assert [person for person in people.everyone(tx) if person.name == NAME] == [own.person]
    assert [person for person in people.resources(tx) if person.name == NAME] == [own.person]
    assert people.find_all_by_name(tx, UNIT.name) == [own.unit]
    _look_for_own_organisation(tx, own, mark)
    _look_for_own_audit(tx, mark)
    two_tenancies_credentials.look_for_own(tx, own.credentials, mark)
    two_versions.look_for_own(tx, own.work, mark)
    two_deliveries.look_for_own(tx, own.delivery, mark)
    found = work_types.find(tx, TYPE)
    assert found is not None
    assert found.description == mark
    assert [kind.description for kind in work_types.every(tx)] == [mark]
    assert list(work_items.first(tx, 100)) == list(own.items)
    assert [item.id for item in work_items.due(tx, 100)] == [own.hidden.id]
    _look_for_own_lists(tx, own, mark)


def _look_for_own_lists(tx: Transaction, own: Things, mark: str) -> None:
    ids = {item.id for item in own.items}
    held = {own.opened.id, own.hidden.id}
    for scope in Scope:
        wanted = held if scope in {Scope.HELD, Scope.ALLOCATED} else ids
        assert _listed(tx, own.person, scope) == _listed(tx, own.person, scope, order=BY_PRIORITY) == wanted
        assert _counted(tx, own.person, scope) == len(wanted)
        assert not work_lists.is_empty(tx, _listing(own.person, scope), None)
    assert _next(tx, own.person) == own.offered.id
    assert list_views.get(tx, own.view.id) == own.view
    for which in Which:
        assert [view.id for view in list_views.find_all(tx, which, own.person, start=0, most=100)] == [own.view.id]
    assert list_views.count_of_owner(tx, own.person) == 1
    assert list_criteria.find(tx, own.person) == Criteria(order=mark)
    assert own.person.id in _changed_lists(tx)


def _listing(person: Entity, scope: Scope) -> Listing:
    entities = {Scope.ALL: [], Scope.OWN: [person.id, person.id + 1_000]}
    return Listing(scope=scope, entities=entities.get(scope, [person.id]))


def _listed(tx: Transaction, person: Entity, scope: Scope, order: Order = DEFAULT_ORDER) -> set[int]:
    place = Place(behind=(None, 0, 0) if order == DEFAULT_ORDER else (0, 0))
    listing = _listing(person, scope)
    found = work_lists.page(tx, listing, condition=NO_DESCRIPTION, order=order, place=place, most=100)
    return {item.id for item in found.items}


def _changed_lists(tx: Transaction) -> set[int]:
    """Whose lists have changed, ever."""
    numbers = {"first": 0, "end": list_marks.here(tx).end}
    assert list_marks._MORE_THAN.row(tx, **numbers, most=CHANGES - 1) is not None
    assert list_marks._MORE_THAN.row(tx, **numbers, most=CHANGES) is None
    return {row.entity_id for row in list_marks._PLACES.rows(tx, **numbers)}


def _counted(tx: Transaction, person: Entity, scope: Scope) -> int:
    return work_lists.count(tx, _listing(person, scope), NO_DESCRIPTION)


def _next(tx: Transaction, person: Entity) -> int | None:
    listing = _listing(person, Scope.OWN)
    return work_lists.next_offered(tx, listing, condition=None, order=DEFAULT_ORDER, work_type=TYPE)


def _look_for_their_lists(tx: Transaction, theirs: Things) -> None:
    for scope in set(Scope) - {Scope.ALL}:
        assert not _listed(tx, theirs.person, scope)
        assert not _listed(tx, theirs.person, scope, order=BY_PRIORITY)
        assert not _counted(tx, theirs.person, scope)
        assert work_lists.is_empty(tx, _listing(theirs.person, scope), None)
    assert _next(tx, theirs.person) is None
    try:
        list_views.get(tx, theirs.view.id)
    except UnknownWorkListView:
        pass
    else:
        raise AssertionError("a view of the other tenancy was found")
    for which in Which:
        assert theirs.view.id not in [
            view.id for view in list_views.find_all(tx, which, theirs.person, start=0, most=100)
        ]
    assert list_views.count_of_owner(tx, theirs.person) == 0
    assert list_criteria.find(tx, theirs.person) == Criteria()
    assert theirs.person.id not in _changed_lists(tx)
    assert not list_entries._OFFERED_IDS.rows(tx, item=theirs.offered.id)
    shares = list_views._SHARES.rows(tx, view=theirs.view.id)
    assert not shares


def _meddle_with_lists(tx: Transaction, theirs: Things) -> None:
    view, at = theirs.view, list_entries._key(theirs.offered, theirs.person.id)
    list_views.change(tx, replace(view, name="Another", authors=(), users=()))
    list_views.unlock(tx, view)
    assert not list_views.lock(tx, view, theirs.person)
    list_views.drop(tx, view, theirs.person)
    list_views._UNSHARE_ALL.change(tx, view=view.id)
    list_views._DELETE.change(tx, view=view.id)
    list_criteria._REMOVE.change(tx, entity=theirs.person.id)
    part = list_entries._part(tx, theirs.person.id)
    list_entries._update_statement(part, frozenset({"state"})).change(tx, **at, state="OPENED")
    list_entries._removal(part).change(tx, **at)


def _look_for_own_audit(tx: Transaction, mark: str) -> None:
    (entry,) = audit.after(tx, AuditFilter(person=NAME), after=0, most=100)
    assert entry.detail == mark
    assert audit.newest(tx, AuditFilter(), most=1) == [entry]
    assert audit.highest_id(tx) == entry.id
    earlier = audit.after(tx, AuditFilter(), after=0, most=100)[:-1]
    assert entry.hash == audit.hash_of(earlier[-1].hash if earlier else "", entry, tx.tenancy or 0)


def _look_for_own_organisation(tx: Transaction, own: Things, mark: str) -> None:
    assert sorted((row.above, row.below) for row in organisation._EVERY_LINK.rows(tx)) == sorted(
        (own.ids[link.above], own.ids[link.below]) for link in LINKS
    )
    assert [row.entity_id for row in organisation._EVERY_GRANT_OF_PRIVILEGES.rows(tx)] == [own.privilege.id]
    model, _ = organisation.read(tx)
    assert [one.name for one in model.entities if one.type is not EntityType.RESOURCE] == ["Claims", "Clerk", "Experts"]
    assert list(organisation.retired(tx).values()) == [own.retired]
    assert model.links == set(LINKS)
    assert model.grants == {PrivilegeGrant(PRIVILEGE.name, SystemAction.SKIP_WORK_ITEM, UNIT.name)}
    assert model.denied == {DENIED[mark]}
    mine = standing.of(tx, own.person)
    assert mine.entities == {own.person.id, own.unit.id, own.privilege.id}
    assert mine.scopes[ACTION] == {None}
    assert mine.scopes[SystemAction.SKIP_WORK_ITEM] == {own.unit.id}
    assert ALLOWED_TO_ALL - set(mine.scopes) == {DENIED[mark]}
    assert standing.units_of(tx, own.person) == [own.unit.id]
    assert standing.units_of_item(tx, own.offered.id, None) == [own.unit.id]


def _look_for_theirs(tx: Transaction, theirs: Things) -> None:
    """What is asked for by a number that another tenancy has is not there."""
    person = theirs.person
    for item in theirs.items:
        try:
            work_items.get(tx, item.id)
        except UnknownWorkItem:
            pass
        else:
            raise AssertionError("an item of the other tenancy was found")
        assert not work_items.is_offered_to(tx, item, person)
        assert not work_items.has_been_held_by(tx, item, person)
        assert not work_items.offer_set(tx, item)
        assert not work_items.offered_ids(tx, item)
        assert not history.of(tx, item.id)
        assert not history.scheduled_fields(tx, item.id)
    _look_for_their_lists(tx, theirs)
    assert work_items.count_open(tx, person) == 0
    assert not people.has_grant(tx, person, ACTION)
    assert not people.grants_of(tx, person)
    assert not people.has_account(tx, person)
    assert not organisation.is_remembered(tx, person.id)
    assert standing.of(tx, person).entities == {person.id}
    assert set(standing.of(tx, person).scopes) <= ALLOWED_TO_ALL
    assert standing.of(tx, theirs.unit).entities == {theirs.unit.id}
    assert not standing.units_of(tx, theirs.unit)
    assert not standing.units_of_item(tx, theirs.offered.id, theirs.unit)
    assert piles.length(tx, person, TYPE) == 0
    two_deliveries.look_for_theirs(tx, theirs.delivery)
    assert answered_requests.find(tx, person, REQUEST, since=LONG_AGO) is None
    two_tenancies_credentials.look_for_theirs(tx, theirs.credentials)
    two_versions.look_for_theirs(tx, theirs.work)


def _meddle(tx: Transaction, theirs: Things) -> None:
    """What is changed by a number that another tenancy has stays as it is."""
    people.set_password_hash(tx, theirs.person, "another hash")
    two_tenancies_credentials.meddle(tx, theirs.credentials)
    people.revoke(tx, theirs.person, ACTION)
    people.revoke_all(tx, theirs.person, ACTION)
    _meddle_with_organisation(tx, theirs)
    _meddle_with_lists(tx, theirs)
    two_deliveries.meddle(tx, theirs.delivery)
    piles.set_length(tx, theirs.person, TYPE, 0)
    answered_requests._FORGET_OLD_ONE.change(tx, entity=theirs.person.id, request=REQUEST, since=tx.now())
    two_versions.meddle(tx, theirs.work)
    work_items._SET_FIRST_HASH.change(tx, item=theirs.offered.id, first_hash="another hash")
    work_types.put(tx, WorkType(id=TYPE, description="another"))
    try:
        work_items.save(tx, theirs.offered, theirs.offered.with_priority(1), action=Action.SET_PRIORITY, by=None)
    except LostRace:
        return
    raise AssertionError("an item of the other tenancy was saved")


def _meddle_with_organisation(tx: Transaction, theirs: Things) -> None:
    organisation.change_entity(tx, theirs.unit.id, _model(UNIT, "another GUID"))
    organisation.release_name(tx, theirs.person.id)
    organisation.retire_entity(tx, theirs.person.id)
    organisation.delete_entity(tx, theirs.group.id)
    for link in LINKS:
        organisation.remove_link(tx, theirs.ids, link)
    for action in DENIED.values():
        if action not in organisation.read(tx)[0].denied:
            organisation.set_default(tx, action, is_denied=False)
