"""The SOAP door as an ASGI application: HTTP outside; inside parse, then act, then write."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from typing import Any

from lxml import etree

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import InvalidRequest, NotAllowed, NotAuthenticated
from soapsvc.origin import ClearTextAlarm, Origin, Proxies
from soapsvc.soap import contract, envelope, faults, messages, security
from soapsvc.soap.envelope import Envelope, MessageLimits
from soapsvc.soap.interface import OPERATIONS, SERVICES
from soapsvc.soap.operations import Call, Operation
from soapsvc.soap.versions import BY_MEDIA_TYPE, SOAP12, SoapVersion
from soapsvc.storage.database import Database, run_in
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access, repeats
from soapsvc.usecases.doorkeeper import Doorkeeper
from soapsvc.usecases.witness import Witness

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

XML = b"text/xml; charset=utf-8"
_CHARSETS = {None, "utf-8", "utf-16", "iso-8859-1", "us-ascii"}
_LONGEST_CONTENT_TYPE = 2_000
_MOST_KINDS = 100
_SMALL_MESSAGE = 50_000
_FEW_MEMBERS = 40
_CHALLENGES = (
    (b"www-authenticate", b'Basic realm="soapsvc", charset="UTF-8"'),
    (b"www-authenticate", b'Bearer realm="soapsvc"'),
)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, whole."""

    status: int
    body: bytes
    content_type: bytes = XML
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class _MessageKind:
    """What HTTP says of a message: its SOAP, its charset if named, and its action where SOAP 1.2 has it."""

    soap: SoapVersion
    charset: str | None
    action: str


class _Refused(Exception):
    """HTTP has a status of its own for what is wrong with a request."""

    def __init__(self, status: int, reason: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(reason)
        self.response = Response(status, f"{reason}\n".encode(), b"text/plain; charset=utf-8", headers)


class SoapApplication:
    """Serves the contract and its operations below /amxbpm/."""

    def __init__(
        self,
        database: Database,
        doorkeeper: Doorkeeper,
        witness: Witness,
        *,
        public_url: str,
        limits: MessageLimits,
        body_seconds: float,
        proxies: Proxies | None = None,
        alarm: ClearTextAlarm | None = None,
    ) -> None:
        self._database = database
        self._doorkeeper = doorkeeper
        self._witness = witness
        self._proxies = proxies or Proxies()
        self._alarm = alarm or ClearTextAlarm()
        self._public_url = public_url
        self._limits = limits
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            response = await self._respond(scope, receive)
        except _Refused as refusal:
            response = refusal.response
        headers = [(b"content-type", response.content_type), (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": [*headers, *response.headers]})
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        name = scope["path"].removeprefix(contract.BASE_PATH)
        if scope["method"] in {"GET", "HEAD"}:
            return self._contract_file(name, scope["query_string"])
        if name not in SERVICES:
            raise _Refused(404, f"There is no such service; there are {', '.join(sorted(SERVICES))}")
        if scope["method"] != "POST":
            raise _Refused(405, "A SOAP request is a POST", (b"allow", b"GET, HEAD, POST"))
        headers = dict(scope["headers"])
        kind = _message_kind(headers.get(b"content-type", b""), headers.get(b"content-encoding", b"identity"))
        message = await self._body(headers, receive)
        return await self._answer(name, message, kind, headers, scope)

    def _contract_file(self, name: str, query: bytes) -> Response:
        if name in SERVICES:
            if query.lower() != b"wsdl":
                raise _Refused(405, "A SOAP request is a POST; the contract is at ?wsdl", (b"allow", b"POST"))
            name = f"{name}.wsdl"
        if name not in contract.file_names():
            raise _Refused(404, "There is no such part of the contract")
        return Response(200, contract.served(name, self._public_url))

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Read the request's body within its limit and its time."""
        too_large = _Refused(413, f"A message may have {self._limits.bytes} bytes", (b"connection", b"close"))
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limits.bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    part = await receive()
                    if part["type"] == "http.disconnect":
                        raise _Refused(400, "The connection ended within the message")
                    body += part.get("body", b"")
                    if len(body) > self._limits.bytes:
                        raise too_large
                    if not part.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise _Refused(408, "The message took too long to arrive", (b"connection", b"close")) from None

    async def _answer(
        self, service: str, message: bytes, kind: _MessageKind, headers: dict[bytes, bytes], scope: Scope
    ) -> Response:
        """Give the SOAP message that answers one, a fault where it must be."""
        request = caller = operation = None
        origin = self._proxies.origin_of(scope)
        try:
            request = envelope.parse(message, kind.charset, self._limits, kind.soap)
            operation = _operation(service, request.body, kind.action or _text(headers, b"soapaction"))
            vouched = self._proxies.vouched_name(scope)
            caller = await self._caller(request, kind.soap, headers, origin, vouched)
            self._witness.signed_in(caller, origin.address)
            access.require_scope(caller, writes=operation.writes)
            answer = await self._act(operation, caller, request, kind.soap)
            return Response(200, answer, kind.soap.content_type)
        except Exception as error:
            self._note_refusal(error, caller, operation, request, origin)
            fault = messages.fault_for(error)
            body = faults.write_fault(fault, kind.soap)
            more = _retry_after(error)
            if isinstance(error, NotAuthenticated) and not (request and security.has_token(request.headers)):
                return Response(401, body, kind.soap.content_type, (*_CHALLENGES, *more))
            return Response(kind.soap.fault_statuses[fault.code], body, kind.soap.content_type, more)

    def _note_refusal(
        self,
        error: Exception,
        caller: Caller | None,
        operation: Operation | None,
        request: Envelope | None,
        origin: Origin,
    ) -> None:
        """Have it recorded that somebody was not let in, or was not allowed what he asked for."""
        if isinstance(error, NotAuthenticated) and error.claimed is not None:
            self._witness.sign_in_refused(error.claimed, origin.address)
        elif isinstance(error, NotAllowed) and caller and operation and request:
            named = messages.items_named(request.body)
            self._witness.refused(caller, origin.address, operation=operation.name, items=named)

    async def _caller(
        self,
        request: Envelope,
        soap: SoapVersion,
        headers: dict[bytes, bytes],
        origin: Origin,
        vouched: str | None,
    ) -> Caller:
        shown = security.shown_by(request.headers, soap, _text(headers, b"authorization"), vouched)
        if shown is None:
            raise NotAuthenticated("This service wants to know who calls: send a UsernameToken, HTTP Basic or a token")
        self._alarm.note(origin)
        lifetime = security.lifetime_of(request.headers)
        if lifetime is not None:
            self._doorkeeper.check_lifetime(lifetime)
        host = headers.get(b"host", b"")
        return await self._doorkeeper.caller(shown, host=host, address=origin.address or "")

    async def _act(self, operation: Operation, caller: Caller, request: Envelope, soap: SoapVersion) -> bytes:
        """Run the operation as one unit of work; a write's result comes when it is on disk.

        What may take long is done in threads, for it would keep the event loop from everybody else.
        """
        request_id = security.request_id_of(request.headers) if operation.writes else None
        digest = messages.digest(request.body, soap) if request_id is not None else ""
        is_long = operation.is_long or request.length > _SMALL_MESSAGE or len(request.body) > _FEW_MEMBERS
        if is_long:
            arguments = await asyncio.to_thread(messages.read, operation, request.body, self._limits)
        else:
            arguments = messages.read(operation, request.body, self._limits)

        def act(tx: Transaction) -> bytes:
            # Written within the unit: an answer that cannot be written takes its change back, for the fault will say
            # that nothing was changed; and a long one does not keep the event loop from everybody else.
            return messages.write(operation, operation.function(Call(tx, caller), *arguments), soap)

        def act_once(tx: Transaction) -> bytes:
            if request_id is None:
                return act(tx)
            return repeats.answer_once(tx, caller, request_id, digest, lambda: act(tx))

        run = self._database.written if operation.writes else self._database.seen
        return await run(run_in(caller.tenancy, act_once), is_long=is_long)


def _operation(service: str, body: etree._Element, soap_action: str) -> Operation:
    """Find the operation that the body's element asks of a service. Raises InvalidRequest."""
    operation = OPERATIONS.get(str(body.tag))
    if operation is None or operation.service != service:
        raise InvalidRequest(f"{service} has no operation for the element in the body")
    action = soap_action.strip().strip('"')
    if action and action != operation.name and not action.endswith((f"/{operation.name}", f"#{operation.name}")):
        raise InvalidRequest("The SOAPAction names another operation than the body")
    return operation


@lru_cache(_MOST_KINDS)
def _message_kind(content_type_header: bytes, content_encoding: bytes) -> _MessageKind:
    """Say by its media type which SOAP a message is, and in which charset where HTTP names one."""
    if len(content_type_header) > _LONGEST_CONTENT_TYPE:
        # Message takes time by the square of its length, and nobody has signed in yet.
        raise _Refused(415, f"A Content-Type has at most {_LONGEST_CONTENT_TYPE} characters")
    content_type = Message()
    content_type["content-type"] = content_type_header.decode("latin-1")
    soap = BY_MEDIA_TYPE.get(content_type.get_content_type())
    if soap is None or not content_type_header:
        raise _Refused(415, f"A SOAP message is of type {' or '.join(BY_MEDIA_TYPE)}")
    if content_encoding.lower() != b"identity":
        raise _Refused(415, "A message must not be compressed")
    charset = content_type.get_content_charset()
    if charset not in _CHARSETS:
        raise _Refused(415, "A message is written in UTF-8, UTF-16, ISO-8859-1 or US-ASCII")
    action = content_type.get_param("action", "") if soap is SOAP12 else ""
    return _MessageKind(soap, charset, action if isinstance(action, str) else "")


def _retry_after(error: Exception) -> tuple[tuple[bytes, bytes], ...]:
    seconds = error.retry_after if isinstance(error, NotAuthenticated) else None
    return () if seconds is None else ((b"retry-after", b"%d" % seconds),)


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
