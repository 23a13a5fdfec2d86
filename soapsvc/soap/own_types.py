"""Types of our own namespace as Spyne declares them, as types.py has those of the published contract."""

from spyne.model.complex import ComplexModel
from spyne.model.primitive import DateTime, Integer64, Unicode

from soapsvc.soap import namespaces
from soapsvc.soap.types import Record, attribute, required_attribute


class AuditEntry(Record, ComplexModel):
    """An entry of the audit log."""

    __namespace__ = namespaces.SERVICE
    id = required_attribute(Integer64)
    at = required_attribute(DateTime)
    kind = required_attribute(Unicode)
    by = attribute(Unicode)
    byName = attribute(Unicode)
    address = attribute(Unicode)
    subject = attribute(Unicode)
    detail = attribute(Unicode)
    hash = required_attribute(Unicode)
