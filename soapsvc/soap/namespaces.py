"""Every XML namespace that the SOAP door knows."""

SOAP_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12_ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
API = "http://api.brm.n2.tibco.com"
FAULTS = "http://exception.api.brm.n2.tibco.com"
SECURITY_FAULT = "http://exception.api.de.n2.tibco.com"
DATA_MODEL = "http://datamodel.common.n2.tibco.com"
ORGANISATION = "http://api.organisation.common.n2.tibco.com"
RESOLVER = "http://resolver.api.de.n2.tibco.com"
SERVICE = "urn:soapsvc:v1"
WS_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WS_SECURITY_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"  # noqa: S105

PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"  # noqa: S105
BASE64_BINARY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"


def qualified(namespace: str, name: str) -> str:
    """Give a name in lxml's form, `{namespace}name`."""
    return f"{{{namespace}}}{name}"
