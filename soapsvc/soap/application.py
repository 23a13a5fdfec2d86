"""The SOAP door: HTTP outside; inside parse, then act, then write."""

import asyncio
import time
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache

from lxml import etree

from soapsvc.authorization import CHALLENGES
from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import InvalidRequest, NotAllowed, NotAuthenticated
from soapsvc.exchange import Headers, Refused, Request, Response, unless_gone, whole_body
from soapsvc.origin import ClearTextAlarm, Origin, Proxies
from soapsvc.soap import contract, envelope, faults, messages, security
from soapsvc.soap.envelope import Envelope, MessageLimits
from soapsvc.soap.interface import OPERATIONS, SERVICES
from soapsvc.soap.operations import Call, Operation
from soapsvc.soap.versions import BY_MEDIA_TYPE, SOAP12, SoapVersion
from soapsvc.soap.work_list_change_operations import Waiting
from soapsvc.storage.database import Database, run_in
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access, repeats
from soapsvc.usecases.doorkeeper import Doorkeeper
from soapsvc.usecases.witness import Witness
from soapsvc.usecases.work_lists import DEFAULT_LIMITS, ListLimits

XML = "text/xml; charset=utf-8"
_CHARSETS = {None, "utf-8", "utf-16", "iso-8859-1", "us-ascii"}
_LONGEST_CONTENT_TYPE = 2_000
_MOST_KINDS = 100
_SMALL_MESSAGE = 50_000
_FEW_MEMBERS = 40


@dataclass(frozen=True, slots=True)
class _MessageKind:
    """What HTTP says of a message: its SOAP, its charset if named, and its action where SOAP 1.2 has it."""

    soap: SoapVersion
    charset: str | None
    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DoorLimits:
    """What a message may be, in how many seconds its body must be here, and what may be asked of lists."""

    messages: MessageLimits = MessageLimits()
    lists: ListLimits = DEFAULT_LIMITS
    body_seconds: float


class SoapApplication:
    """Serves the contract and its operations below /amxbpm/."""

    def __init__(
        self,
        database: Database,
        doorkeeper: Doorkeeper,
        witness: Witness,
        *,
        public_url: str,
        limits: DoorLimits,
        proxies: Proxies | None = None,
        alarm: ClearTextAlarm | None = None,
    ) -> None:
        self._database = database
        self._doorkeeper = doorkeeper
        self._witness = witness
        self._proxies = proxies or Proxies()
        self._alarm = alarm or ClearTextAlarm()
        self._public_url = public_url
        self._limits = limits.messages
        self._list_limits = limits.lists
        self._body_seconds = limits.body_seconds

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request. Raises Refused."""
        name = request.path.removeprefix(contract.BASE_PATH)
        if request.method in {"GET", "HEAD"}:
            return self._contract_file(name, request.query)
        if name not in SERVICES:
            raise Refused(404, f"There is no such service; there are {', '.join(sorted(SERVICES))}")
        if request.method != "POST":
            raise Refused(405, "A SOAP request is a POST", ("allow", "GET, HEAD, POST"))
        headers = request.headers
        kind = _message_kind(headers.get("content-type", ""), headers.get("content-encoding", "identity"))
        message = await whole_body(request, most=self._limits.bytes, seconds=self._body_seconds)
        return await self._answer(name, message, kind, request)

    def _contract_file(self, name: str, query: str) -> Response:
        if name in SERVICES:
            if query.lower() != "wsdl":
                raise Refused(405, "A SOAP request is a POST; the contract is at ?wsdl", ("allow", "POST"))
            name = f"{name}.wsdl"
        if name not in contract.file_names():
            raise Refused(404, "There is no such part of the contract")
        return Response(200, contract.served(name, self._public_url), XML)

    async def _answer(self, service: str, message: bytes, kind: _MessageKind, http: Request) -> Response:
        """Give the SOAP message that answers one, a fault where it must be."""
        request = caller = operation = None
        origin = self._proxies.origin_of(http)
        try:
            request = envelope.parse(message, kind.charset, self._limits, kind.soap)
            operation = _operation(service, request.body, kind.action or http.headers.get("soapaction", ""))
            vouched = self._proxies.vouched_name(http)
            caller = await self._caller(request, kind.soap, http.headers, origin, vouched)
            self._witness.signed_in(caller, origin.address)
            access.require_scope(caller, writes=operation.writes)
            if operation.waits:
                return await unless_gone(self._wait(operation, caller, request, kind.soap), http.gone)
            answer = await self._act(operation, caller, request, kind.soap)
            return Response(200, answer, kind.soap.content_type)
        except Refused:
            raise
        except Exception as error:
            self._note_refusal(error, caller, operation, request, origin)
            fault = messages.fault_for(error)
            body = faults.write_fault(fault, kind.soap)
            more = _retry_after(error)
            if isinstance(error, NotAuthenticated) and not (request and security.has_token(request.headers)):
                return Response(401, body, kind.soap.content_type, (*CHALLENGES, *more))
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
        self, request: Envelope, soap: SoapVersion, headers: Headers, origin: Origin, vouched: str | None
    ) -> Caller:
        shown = security.shown_by(request.headers, soap, headers.get("authorization", ""), vouched)
        if shown is None:
            raise NotAuthenticated("This service wants to know who calls: send a UsernameToken, HTTP Basic or a token")
        self._alarm.note(origin)
        lifetime = security.lifetime_of(request.headers)
        if lifetime is not None:
            self._doorkeeper.check_lifetime(lifetime)
        host = headers.get("host", "").encode()
        return await self._doorkeeper.caller(shown, host=host, address=origin.address or "")

    async def _act(self, operation: Operation, caller: Caller, request: Envelope, soap: SoapVersion) -> bytes:
        """Run the operation as one unit of work; a write's result comes when it is on disk.

        What may take long is done in threads, for it would keep the event loop from everybody else.
        """
        request_id = security.request_id_of(request.headers) if operation.writes else None
        digest = messages.digest(request.body, soap) if request_id is not None else ""
        is_large = request.length > _SMALL_MESSAGE or len(request.body) > _FEW_MEMBERS
        if is_large:
            arguments = await asyncio.to_thread(messages.read, operation, request.body, self._limits)
        else:
            arguments = messages.read(operation, request.body, self._limits)

        def act(tx: Transaction) -> bytes:
            # Written within the unit: an answer that cannot be written takes its change back, for the fault will say
            # that nothing was changed; and a long one does not keep the event loop from everybody else.
            return messages.write(operation, operation.function(Call(tx, caller, self._list_limits), *arguments), soap)

        def act_once(tx: Transaction) -> bytes:
            if request_id is None:
                return act(tx)
            return repeats.answer_once(tx, caller, request_id, digest, lambda: act(tx))

        run = self._database.written if operation.writes else self._database.seen
        return await run(run_in(caller.tenancy, act_once), is_long=is_large or operation.is_long)

    async def _wait(self, operation: Operation, caller: Caller, request: Envelope, soap: SoapVersion) -> Response:
        """Look whether it is there, in a transaction that ends, then wait without one; and look again."""
        arguments = messages.read(operation, request.body, self._limits)

        def look(tx: Transaction) -> Waiting:
            waiting: Waiting = operation.function(Call(tx, caller, self._list_limits), *arguments)
            return waiting

        began = time.monotonic()
        while True:
            waiting = await self._database.seen(run_in(caller.tenancy, look))
            if waiting.is_over or not await waiting.woken(began + waiting.seconds - time.monotonic()):
                # Who asks again when the service is about to stop shall come to another one.
                more = (("connection", "close"),) if waiting.changes.is_closed else ()
                return Response(200, messages.write(operation, waiting.answer, soap), soap.content_type, more)


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
def _message_kind(content_type_header: str, content_encoding: str) -> _MessageKind:
    """Say by its media type which SOAP a message is, and in which charset where HTTP names one."""
    if len(content_type_header) > _LONGEST_CONTENT_TYPE:
        # Message takes time by the square of its length, and nobody has signed in yet.
        raise Refused(415, f"A Content-Type has at most {_LONGEST_CONTENT_TYPE} characters")
    content_type = Message()
    content_type["content-type"] = content_type_header
    soap = BY_MEDIA_TYPE.get(content_type.get_content_type())
    if soap is None or not content_type_header:
        raise Refused(415, f"A SOAP message is of type {' or '.join(BY_MEDIA_TYPE)}")
    if content_encoding.lower() != "identity":
        raise Refused(415, "A message must not be compressed")
    charset = content_type.get_content_charset()
    if charset not in _CHARSETS:
        raise Refused(415, "A message is written in UTF-8, UTF-16, ISO-8859-1 or US-ASCII")
    action = content_type.get_param("action", "") if soap is SOAP12 else ""
    return _MessageKind(soap, charset, action if isinstance(action, str) else "")


def _retry_after(error: Exception) -> tuple[tuple[str, str], ...]:
    seconds = error.retry_after if isinstance(error, NotAuthenticated) else None
    return () if seconds is None else (("retry-after", str(seconds)),)
