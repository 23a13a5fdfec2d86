"""AuditService, our own: who signed in, who was refused, and what was changed about people and their rights."""

from typing import Any

from spyne.model.primitive import DateTime, Integer32, Integer64, Unicode
from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, namespaces, own_types, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import audit


class AuditService(Service):
    """The audit log."""

    namespace = namespaces.SERVICE

    @operation(
        types.optional(DateTime),
        types.optional(DateTime),
        types.optional(Unicode),
        types.optional(Integer32),
        types.optional(Integer64),
        result=("entry", types.many(own_types.AuditEntry)),
        faults=(faults.InternalServiceFault, faults.SecurityFault),
        writes=False,
        is_long=True,
    )
    def getAuditEntries(call: Call, since: Any, until: Any, kind: Any, most: Any, after: Any) -> Any:
        """Read entries of the audit log behind one, oldest first."""
        entries = audit.read_log(call.tx, call.caller, since=since, until=until, kind=kind, most=most, after=after)
        return [convert.audit_entry(entry) for entry in entries]
