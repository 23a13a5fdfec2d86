"""The contract's types of work lists and their views as Spyne declares them, as types.py has the others."""

from typing import Any

from spyne.model.complex import ComplexModel
from spyne.model.primitive import Boolean, DateTime, Integer16, Integer64, Unicode

from soapsvc.domain.list_view import Shows
from soapsvc.domain.work_list import Capability, ColumnType
from soapsvc.soap import namespaces, types
from soapsvc.soap.types import Record, attribute, many, optional, required_attribute

ResourcesRequired = Unicode(values=[str(Shows.ALL), str(Shows.MINE)], type_name="ResourcesRequired")
_ColumnType = Unicode(values=["COL_UNSPECIFIED", *map(str, ColumnType)], type_name="ColumnType")
_ColumnCapability = Unicode(
    values=["NONE", "ORDER", str(Capability.FILTER), str(Capability.BOTH)], type_name="ColumnCapability"
)


class OrderFilterCriteria(Record, ComplexModel):
    """Expressions: in which order items stand, and which of them do."""

    __namespace__ = namespaces.API
    order = optional(Unicode)
    filter = optional(Unicode)


class ColumnDefinition(Record, ComplexModel):
    """A column of work lists, and what it is good for."""

    __namespace__ = namespaces.API
    id = required_attribute(Integer16)
    name = required_attribute(Unicode)
    description = required_attribute(Unicode)
    type = required_attribute(_ColumnType)
    capability = required_attribute(_ColumnCapability)


SHOWN = (
    ("entityID", optional(types.XmlModelEntityId)),
    ("resourcesRequired", optional(ResourcesRequired)),
    ("orderFilterCriteria", optional(OrderFilterCriteria)),
)
"""Whose list a view shows, and how."""

SHARED = (
    ("authors", many(types.XmlModelEntityId)),
    ("users", many(types.XmlModelEntityId)),
    ("customData", optional(Unicode)),
)
"""Who may edit and use it, and what a client keeps with it."""

SAID = (
    ("name", required_attribute(Unicode)),
    ("description", attribute(Unicode)),
    ("owner", attribute(Unicode)),
    ("public", attribute(Boolean)),
    ("getAllocatedItems", attribute(Boolean)),
)
"""What its maker says of it in attributes."""

KNOWN = (
    ("workViewID", required_attribute(Integer64)),
    ("creationDate", required_attribute(DateTime)),
    ("modificationDate", required_attribute(DateTime)),
)
"""What is known of it since it was made."""

VIEW = (*SHOWN, *SHARED, *SAID, *KNOWN, ("locker", attribute(Unicode)))
"""All members of a view, in order: the response that shows one whole has them itself."""


class WorkListViewPageItem(Record, ComplexModel):
    """A view, without who may use and edit it."""

    __namespace__ = namespaces.API
    _type_info = (*SHOWN, *SAID, *KNOWN)


PAGING = (attribute(Integer64), attribute(Integer64))
"""startPosition and numberOfItems."""

ITEM_PAGING = (*PAGING, attribute(Boolean), attribute(Boolean), attribute(Unicode))
"""The same, getTotalCount, getEnhancedAttributes and cursor."""

ITEM_PAGE: Any = (
    ("startPosition", types.one(Integer64)),
    ("endPosition", types.one(Integer64)),
    ("totalItems", types.one(Integer64)),
    ("workItems", many(types.WorkItem)),
    ("nextCursor", attribute(Unicode)),
    ("changeMark", attribute(Unicode)),
)
"""The members of the responses that show items."""
