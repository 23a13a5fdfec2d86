"""The two versions of SOAP, side by side: all that differs between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from soapsvc.soap import namespaces
from soapsvc.soap.namespaces import qualified


@dataclass(frozen=True, kw_only=True)
class SoapVersion:
    """One version of SOAP: its namespace and names, its media type, and the HTTP status of each of its fault codes.

    `fault_codes` maps the codes that the service thinks in, which are those of SOAP 1.1.
    """

    number: str
    namespace: str
    media_type: str
    role_attribute: str
    roles_meaning_us: frozenset[str]
    fault_codes: Mapping[str, str]
    fault_statuses: Mapping[str, int]

    def name(self, local: str) -> str:
        """Give a name in this version's namespace."""
        return qualified(self.namespace, local)

    @cached_property
    def content_type(self) -> str:
        """What an answer says that it is."""
        return f"{self.media_type}; charset=utf-8"

    @cached_property
    def start_of_message(self) -> str:
        """What stands before the content of a body."""
        declaration = "<?xml version='1.0' encoding='UTF-8'?>\n"
        return f'{declaration}<soap:Envelope xmlns:soap="{self.namespace}"><soap:Body>'

    @cached_property
    def end_of_message(self) -> str:
        """What stands behind the content of a body."""
        return "</soap:Body></soap:Envelope>"


SOAP11 = SoapVersion(
    number="1.1",
    namespace=namespaces.SOAP_ENVELOPE,
    media_type="text/xml",
    role_attribute="actor",
    roles_meaning_us=frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"}),
    fault_codes={name: name for name in ("Client", "Server", "MustUnderstand", "VersionMismatch")},
    fault_statuses=dict.fromkeys(("Client", "Server", "MustUnderstand", "VersionMismatch"), 500),
)

SOAP12 = SoapVersion(
    number="1.2",
    namespace=namespaces.SOAP12_ENVELOPE,
    media_type="application/soap+xml",
    role_attribute="role",
    roles_meaning_us=frozenset(
        {
            "",
            f"{namespaces.SOAP12_ENVELOPE}/role/next",
            f"{namespaces.SOAP12_ENVELOPE}/role/ultimateReceiver",
        }
    ),
    fault_codes={
        "Client": "Sender",
        "Server": "Receiver",
        "MustUnderstand": "MustUnderstand",
        "VersionMismatch": "VersionMismatch",
        "DataEncodingUnknown": "DataEncodingUnknown",
    },
    fault_statuses={
        "Client": 400,
        "Server": 500,
        "MustUnderstand": 500,
        "VersionMismatch": 500,
        "DataEncodingUnknown": 500,
    },
)

BY_MEDIA_TYPE: Mapping[str, SoapVersion] = {version.media_type: version for version in (SOAP11, SOAP12)}
