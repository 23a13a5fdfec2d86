"""EntityResolverService: who a name belongs to."""

from typing import Any

from spyne.model.complex import XmlAttribute
from spyne.model.primitive import Boolean, Integer32, Unicode
from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, namespaces, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import people


class EntityResolverService(Service):
    """Who there is."""

    namespace = namespaces.RESOLVER

    @operation(
        XmlAttribute(Integer32),
        XmlAttribute(Unicode),
        XmlAttribute(Unicode),
        XmlAttribute(Unicode),
        XmlAttribute(Boolean),
        names={
            "model_version": "model-version",
            "ldap_alias": "ldap-alias",
            "ldap_dn": "ldap-dn",
            "get_detail": "get-detail",
        },
        result=(
            ("user-count", XmlAttribute(Integer32, use="required")),
            ("detail", types.many(types.EntityDetail)),
        ),
        faults=(faults.InternalServiceFault, faults.SecurityFault),
        writes=False,
        is_long=True,
    )
    def lookupUser(
        call: Call,
        model_version: Any,  # noqa: ARG002 - there is one model
        name: Any,
        ldap_alias: Any,
        ldap_dn: Any,
        get_detail: Any,
    ) -> Any:
        """Find the person of a name; nobody here has an LDAP alias or name."""
        found = people.look_up(call.tx, name) if not (ldap_alias or ldap_dn) else []
        return len(found), [convert.entity_detail(person) for person in found] if get_detail else None
