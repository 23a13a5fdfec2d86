"""The contract's types as Spyne declares them, member for member as the schemas in wsdl/ do; a test compares the two.

All members are unqualified (`sub_ns=""`): only the root of a message stands in a namespace.
"""

from enum import StrEnum
from typing import Any

from spyne.model.complex import ComplexModel, XmlAttribute
from spyne.model.primitive import Boolean, DateTime, Decimal, Integer32, Integer64, Unicode

from soapsvc.domain.attributes import ATTRIBUTES, AttributeKind
from soapsvc.domain.data import FieldType as DomainFieldType
from soapsvc.domain.organisation import EntityType
from soapsvc.domain.schedule import ScheduleStatus
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution
from soapsvc.soap import namespaces


class XmlFragment(Unicode):
    """A value element of a complex field: its whole XML as text, kept as given."""


def one(type_: Any) -> Any:
    """Declare a member that must be there."""
    return type_.customize(min_occurs=1, max_occurs=1, nillable=False, sub_ns="")


def optional(type_: Any) -> Any:
    """Declare a member that may be there."""
    return type_.customize(min_occurs=0, max_occurs=1, nillable=False, sub_ns="")


def many(type_: Any) -> Any:
    """Declare a member that may be there any number of times."""
    return type_.customize(min_occurs=0, max_occurs="unbounded", nillable=False, sub_ns="")


def several(type_: Any) -> Any:
    """Declare a member that must be there at least once."""
    return type_.customize(min_occurs=1, max_occurs="unbounded", nillable=False, sub_ns="")


def attribute(type_: Any) -> Any:
    """Declare an XML attribute that may be there."""
    return XmlAttribute(type_)


def required_attribute(type_: Any) -> Any:
    """Declare an XML attribute that must be there."""
    return XmlAttribute(type_, use="required")


def enumeration(name: str, values: type[StrEnum]) -> Any:
    """Declare a text that is one of these."""
    return Unicode(values=[str(value) for value in values], type_name=name)


WorkItemState = enumeration("WorkItemState", State)
DistributionStrategy = enumeration("DistributionStrategy", Distribution)
ItemScheduleStatus = enumeration("ScheduleStatus", ScheduleStatus)
FieldTypeName = enumeration("FieldTypeName", DomainFieldType)
ResourceType = Unicode(values=["HUMAN", "DURABLE", "CONSUMABLE"], type_name="ResourceType")
OrganisationalEntityType = enumeration("OrganisationalEntityType", EntityType)


class Record:
    """Made at once of its members, by name: Spyne's own way looks at the type of each one, at ten times the cost."""

    def __init__(self, **members: Any) -> None:
        self.__dict__ = members

    @classmethod
    def get_deserialization_instance(cls, _context: Any) -> Any:
        """Make one without anything in it, for Spyne to fill."""
        plain_type: Any = getattr(cls, "__orig__", None) or cls
        return plain_type(**dict.fromkeys(plain_type._type_info))


class _Api(Record, ComplexModel):
    __namespace__ = namespaces.API


class _DataModel(Record, ComplexModel):
    __namespace__ = namespaces.DATA_MODEL


class ObjectID(_Api):
    """Names an item."""

    id = required_attribute(Integer64)


class ManagedObjectID(_Api):
    """Names an item at a version; without one, or with -1, at its latest."""

    id = required_attribute(Integer64)
    version = attribute(Integer64)


class ScheduledObjectID(_Api):
    """Names an item that has just come into being."""

    id = required_attribute(Integer64)
    guid = attribute(Unicode)


class ItemDuration(_Api):
    """A length of calendar time."""

    years = attribute(Integer32)
    months = attribute(Integer32)
    weeks = attribute(Integer32)
    days = attribute(Integer32)
    hours = attribute(Integer32)
    minutes = attribute(Integer32)


class HiddenPeriod(_Api):
    """How long to hide an item: one of the two, or neither."""

    hiddenDuration = optional(ItemDuration)
    visibleDate = optional(DateTime)


class ItemSchedule(_Api):
    """When an item should be worked on; at most one of the last two."""

    startDate = optional(DateTime)
    maxDuration = optional(ItemDuration)
    targetDate = optional(DateTime)


class ItemContext(_Api):
    """Which activity of which application an item belongs to."""

    activityID = one(Unicode)
    activityName = one(Unicode)
    appInstance = one(Unicode)
    appName = one(Unicode)
    appID = one(Unicode)
    appInstanceDescription = optional(Unicode)


class WorkItemFlags(_Api):
    """What is computed when an item is read."""

    scheduleStatus = one(ItemScheduleStatus)


class WorkItemHeader(_Api):
    """What there is to know of an item, but for its data."""

    name = one(Unicode)
    description = optional(Unicode)
    flags = one(WorkItemFlags)
    itemContext = one(ItemContext)
    distributionStrategy = required_attribute(DistributionStrategy)
    priority = attribute(Integer32)
    groupID = attribute(Integer64)
    startDate = attribute(DateTime)
    endDate = attribute(DateTime)
    id = attribute(Integer64)
    version = attribute(Integer64)
    state = attribute(WorkItemState)
    guid = attribute(Unicode)


class SimpleSpec(_DataModel):
    """Values that are text."""

    value = many(Unicode)
    length = attribute(Integer32)
    decimal = attribute(Integer32)


class ComplexSpec(_DataModel):
    """Values that are XML."""

    value = many(XmlFragment)
    className = attribute(Unicode)
    goRefId = attribute(Unicode)


class FieldType(_DataModel):
    """A field: at most one of its two specs."""

    simpleSpec = optional(SimpleSpec)
    complexSpec = optional(ComplexSpec)
    name = required_attribute(Unicode)
    type = required_attribute(FieldTypeName)
    optional = attribute(Boolean)
    array = attribute(Boolean)


class DataModel(_DataModel):
    """All fields of an item, by the way that they flow."""

    inputs = many(FieldType)
    outputs = many(FieldType)
    inouts = many(FieldType)


class WorkTypeSpec(_DataModel):
    """Names the work type of an item."""

    workTypeID = required_attribute(Unicode)
    workTypeDescription = required_attribute(Unicode)
    version = attribute(Unicode)


class WorkItemBody(_Api):
    """The data of an item."""

    dataModel = one(DataModel)
    id = attribute(Integer64)
    version = attribute(Integer64)
    versionGuid = attribute(Unicode)


_ATTRIBUTE_TYPES = {
    AttributeKind.LONG: Integer64,
    AttributeKind.DECIMAL: Decimal,
    AttributeKind.MOMENT: DateTime,
    AttributeKind.TEXT: Unicode,
}

WorkItemAttributes: Any = type(
    "WorkItemAttributes",
    (_Api,),
    {"__doc__": "Values of the scheduler's own, by which lists are ordered and filtered."}
    | {name: attribute(_ATTRIBUTE_TYPES[kind]) for name, kind in ATTRIBUTES.items()},
)


class WorkItem(_Api):
    """An item whole."""

    id = one(ManagedObjectID)
    header = one(WorkItemHeader)
    attributes = optional(WorkItemAttributes)
    body = optional(WorkItemBody)
    workType = optional(WorkTypeSpec)
    state = one(WorkItemState)
    visible = one(Boolean)


class WorkItemPreview(_Api):
    """Some fields of an item that is not opened for it."""

    FieldPreview = many(FieldType)
    workType = optional(WorkTypeSpec)
    id = required_attribute(Integer64)
    version = required_attribute(Integer64)


class XmlModelEntityId(Record, ComplexModel):
    """Names an entity of the organisation."""

    __namespace__ = namespaces.ORGANISATION
    _type_info = (  # a list of pairs, for names that are none in Python
        ("model-version", attribute(Integer32)),
        ("entity-type", required_attribute(OrganisationalEntityType)),
        ("guid", required_attribute(Unicode)),
        ("qualifier", attribute(Unicode)),
    )


class ItemParameter(_Api):
    """Values of a field by its name: text or XML."""

    Value = many(Unicode)
    ComplexValue = many(XmlFragment)
    Name = required_attribute(Unicode)
    Array = attribute(Boolean)


class ItemBody(_Api):
    """Data as a scheduler sends them: one of the two."""

    dataModel = optional(DataModel)
    parameter = many(ItemParameter)


class EntityQuery(_Api):
    """An offer set."""

    entityID = several(XmlModelEntityId)


class ScheduledItem(_Api):
    """What a scheduler says of a new item."""

    name = one(Unicode)
    description = optional(Unicode)
    workTypeID = optional(Unicode)
    attributes = optional(WorkItemAttributes)
    entityQuery = one(EntityQuery)
    priority = attribute(Integer32)
    distributionStrategy = attribute(DistributionStrategy)
    groupID = attribute(Integer64)
    enabled = attribute(Boolean)


class CloseGroup(_Api):
    """One item of a closeWorkItem request."""

    workItemID = one(ManagedObjectID)
    workItemPayload = optional(WorkItemBody)
    hiddenPeriod = optional(HiddenPeriod)


class AllocationGroup(_Api):
    """One item of an allocateAndOpenWorkItem request."""

    workItemID = one(ManagedObjectID)
    resource = one(Unicode)


class PendGroup(_Api):
    """One item of a pendWorkItem request."""

    workItemID = one(ManagedObjectID)
    hiddenPeriod = one(HiddenPeriod)


class OptionalAllocationGroup(_Api):
    """One item of an allocateWorkItem request; without a resource it goes to the caller."""

    workItemID = one(ManagedObjectID)
    resource = optional(Unicode)


class ReallocationGroup(_Api):
    """One item of a reallocateWorkItem request."""

    workItemID = one(ManagedObjectID)
    resource = one(Unicode)
    revertData = one(Boolean)


class DataReallocationGroup(_Api):
    """One item of a reallocateWorkItemData request."""

    workItemID = one(ManagedObjectID)
    resource = one(Unicode)
    workItemPayload = one(WorkItemBody)


class WorkItemPriority(_Api):
    """A priority, or by how much to change it."""

    absPriority = optional(Integer32)
    offsetPriority = optional(Integer32)


class WorkItemIDandPriority(_Api):
    """One item of a setWorkItemPriority request."""

    workItemID = one(ManagedObjectID)
    workItemPriority = one(WorkItemPriority)


class EntityDetail(Record, ComplexModel):
    """What is known of an entity."""

    __namespace__ = namespaces.RESOLVER
    _type_info = (
        ("model-version", attribute(Integer32)),
        ("entity-type", required_attribute(OrganisationalEntityType)),
        ("guid", required_attribute(Unicode)),
        ("qualifier", attribute(Unicode)),
        ("name", required_attribute(Unicode)),
        ("alias", attribute(Unicode)),
        ("dn", attribute(Unicode)),
        ("resource-type", required_attribute(ResourceType)),
    )


class HistoryEntry(Record, ComplexModel):
    """How an item came to one of its versions."""

    __namespace__ = namespaces.SERVICE
    changed = many(Unicode)
    dataModel = optional(DataModel)
    version = required_attribute(Integer64)
    operation = required_attribute(Unicode)
    at = required_attribute(DateTime)
    by = attribute(Unicode)
    byName = attribute(Unicode)
    stateBefore = attribute(WorkItemState)
    stateAfter = required_attribute(WorkItemState)
