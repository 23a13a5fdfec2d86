"""The REST door: HTTP outside; inside who calls, what is asked, one unit of work, and the answer."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as AsgiRequest
from starlette.responses import Response as AsgiResponse
from starlette.routing import Route

from soapsvc.asgi import REQUEST, AsgiDoor
from soapsvc.authorization import shown_in
from soapsvc.domain.caller import Caller
from soapsvc.domain.credentials import VouchedName
from soapsvc.domain.errors import NotAllowed, NotAuthenticated
from soapsvc.domain.guid import canonical_guid
from soapsvc.exchange import Headers, Refused, Request, Response, unless_gone
from soapsvc.origin import ClearTextAlarm, Origin, Proxies
from soapsvc.rest import documentation, problems
from soapsvc.rest.conditions import Condition, read_tags
from soapsvc.rest.files import file_of
from soapsvc.rest.interface import OPERATIONS
from soapsvc.rest.media import JSON, is_in_utf8, preferred, type_of
from soapsvc.rest.operations import Answer, Call, Operation, Unit
from soapsvc.rest.preferences import read_preferences
from soapsvc.rest.problems import HttpProblem, problem_for
from soapsvc.rest.reading import check_text, query_of
from soapsvc.rest.repeats import Once, Repeated, digest_of
from soapsvc.rest.services import PREFIXES, ROOT, Services
from soapsvc.storage.database import InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.doorkeeper import Doorkeeper
from soapsvc.usecases.witness import Witness

Endpoint = Callable[[AsgiRequest], Awaitable[AsgiResponse]]

_KEY = "idempotency-key"
_SMALL_BODY = 50_000
_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_REFUSALS = {400: problems.BAD_REQUEST, 408: problems.TIMEOUT, 413: problems.TOO_LARGE}


class RestApplication:
    """Serves the operations of the interface, and its description, below the prefixes of this door."""

    def __init__(
        self,
        services: Services,
        doorkeeper: Doorkeeper,
        witness: Witness,
        *,
        proxies: Proxies,
        alarm: ClearTextAlarm,
        most_bytes: int,
        body_seconds: float,
    ) -> None:
        self._services = services
        self._doorkeeper = doorkeeper
        self._witness = witness
        self._proxies = proxies
        self._alarm = alarm
        routes = [
            _route(f"/{ROOT}{path}", partial(self._answered, operations), operations)
            for path, operations in _by_path().items()
        ]
        routes += [_route(path, endpoint, ("GET",)) for path, endpoint in documentation.pages(services.urls).items()]
        application = Starlette(routes=routes, exception_handlers={HTTPException: _no_route})
        application.router.redirect_slashes = False
        self._doors = {
            prefix.lower(): AsgiDoor(application, prefix, most=most_bytes, seconds=body_seconds) for prefix in PREFIXES
        }

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request."""
        path = request.path.lower()
        door = next(door for prefix, door in self._doors.items() if path.startswith(prefix))
        try:
            return await door(request)
        except Refused as refused:
            answer = refused.response
            problem = HttpProblem(_REFUSALS[answer.status], answer.body.decode().strip(), *answer.headers)
            return problem_for(problem)

    async def _answered(self, operations: Mapping[str, Operation], asked: AsgiRequest) -> AsgiResponse:
        request: Request = asked.scope[REQUEST]
        origin = self._proxies.origin_of(request)
        caller = call = None
        operation = operations["GET" if request.method == "HEAD" else request.method]
        try:
            caller = await self._caller(request, origin)
            access.require_scope(caller, writes=operation.writes)
            _check_site(operation, request.headers)
            body = await asked.body()
            read = partial(_call, operation, caller, self._services, asked.path_params, request, body)
            call = await asyncio.to_thread(read) if len(body) > _SMALL_BODY else read()
            doing = self._done(operation, call, request, body)
            return _sent(await (unless_gone(doing, request.gone) if operation.waits else doing))
        except Refused:
            raise
        except Exception as error:
            self._note_refusal(error, caller, operation, asked.path_params, origin)
            has_if_match = call is not None and call.condition.if_match is not None
            return _problem(problem_for(error, has_if_match=has_if_match))

    async def _caller(self, request: Request, origin: Origin) -> Caller:
        authorization, vouched = request.headers.get("authorization", ""), self._proxies.vouched_name(request)
        if vouched is not None and authorization:
            raise NotAuthenticated("A proxy vouches for the caller, and other credentials came beside it")
        if vouched is None and not authorization:
            raise NotAuthenticated("This service wants to know who calls: send HTTP Basic or a token")
        shown = shown_in(authorization) if vouched is None else VouchedName(vouched)
        self._alarm.note(origin)
        host = request.headers.get("host", "").encode()
        caller = await self._doorkeeper.caller(shown, host=host, address=origin.address or "")
        self._witness.signed_in(caller, origin.address)
        return caller

    async def _done(self, operation: Operation, call: Call, request: Request, body: bytes) -> Answer:
        """Do what is asked; with an Idempotency-Key no more than once."""
        keys = request.headers.get_all(_KEY) if operation.writes else ()
        once = None
        if keys:
            once = Once(call.caller, ", ".join(keys), digest_of(request, body, self._services.secrets))
        database = InTenancy(self._services.database, call.caller.tenancy)
        try:
            if operation.unit is None:
                return await _worked(operation, call, once, database)
            run = database.written if operation.writes else database.seen
            return await run(_unit(operation.unit, call, once), is_long=operation.is_long or len(body) > _SMALL_BODY)
        except Repeated as repeated:
            return repeated.answer

    def _note_refusal(
        self, error: Exception, caller: Caller | None, operation: Operation, path: Mapping[str, str], origin: Origin
    ) -> None:
        """Have it recorded that somebody was not let in, or was not allowed what he asked for."""
        if isinstance(error, NotAuthenticated) and error.claimed is not None:
            self._witness.sign_in_refused(error.claimed, origin.address)
        elif isinstance(error, NotAllowed) and caller is not None:
            item = canonical_guid(path.get("workItemId", ""))
            self._witness.refused(caller, origin.address, operation=operation.name, items=[item] if item else ())


def _by_path() -> Mapping[str, Mapping[str, Operation]]:
    """Give the operations by their paths, and there by their methods."""
    by_path: defaultdict[str, dict[str, Operation]] = defaultdict(dict)
    for operation in OPERATIONS:
        by_path[operation.path][operation.method] = operation
    return by_path


def _unit(unit: Unit, call: Call, once: Once | None) -> Callable[[Transaction], Answer]:
    def act(tx: Transaction) -> Answer:
        if once is None:
            return unit(tx, call)
        once.begin(tx)
        return once.answered(tx, unit(tx, call))

    return act


async def _worked(operation: Operation, call: Call, once: Once | None, database: InTenancy) -> Answer:
    """Do what is more than one transaction. If its client goes, what was accepted goes on, and no answer is kept."""
    work = operation.work
    if work is None:
        raise TypeError(f"{operation.name} does nothing")
    if once is None:
        return await work(call)
    try:
        return await once.finish(database, await work(replace(call, begin_once=once.begin)))
    except BaseException:
        once.give_up(database)
        raise


def _call(
    operation: Operation, caller: Caller, services: Services, path: Mapping[str, str], request: Request, body: bytes
) -> Call:
    """Read a request. Raises HttpProblem, InvalidRequest."""
    headers = request.headers
    accepted = preferred(",".join(headers.get_all("accept")), operation.media_types or (JSON,))
    if accepted is None and operation.media_types:
        raise HttpProblem(problems.NOT_ACCEPTABLE, f"There is {', '.join(operation.media_types)}")
    for part in path.values():
        check_text(part)
    condition = Condition(read_tags("If-Match", headers.get_all("if-match")))
    call = Call(
        caller=caller,
        services=services,
        path=path,
        query=query_of(operation.query, request.query),
        body=_body(operation, headers, body),
        accepted=accepted or JSON,
        condition=condition,
        none_match=read_tags("If-None-Match", headers.get_all("if-none-match")),
        preferences=read_preferences(headers.get_all("prefer")),
    )
    call = replace(call, condition=replace(condition, in_body=getattr(call.body, "version", None)))
    if operation.writes and operation.versioned and caller.must_supply_version and not call.condition.names_a_version:
        raise HttpProblem(problems.VERSION_REQUIRED, "Send If-Match with the entity tag that you have seen")
    return call


def _check_site(operation: Operation, headers: Headers) -> None:
    """Raise HttpProblem where a browser says that a page of another site sends it in its user's name."""
    if operation.writes and headers.get("sec-fetch-site", "") == "cross-site":
        raise HttpProblem(problems.NOT_ALLOWED, "A page of another site may not change anything here")


def _body(operation: Operation, headers: Headers, body: bytes) -> Any:
    if not operation.body and not operation.takes_file:
        return None
    if not body and operation.needs_body:
        raise HttpProblem(problems.BAD_REQUEST, "The request has no body")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpProblem(problems.UNSUPPORTED_MEDIA_TYPE, "A body must not be compressed")
    content_type = headers.get("content-type", "")
    if operation.takes_file:
        return file_of(content_type, headers.get("content-disposition", ""), body)
    reader = operation.body.get(type_of(content_type)) if body else operation.body[JSON]
    if reader is None or not is_in_utf8(content_type):
        accepted = ", ".join(operation.body)
        raise HttpProblem(problems.UNSUPPORTED_MEDIA_TYPE, f"A body is {accepted}, in UTF-8", ("accept", accepted))
    return reader(body)


def _sent(answer: Answer) -> AsgiResponse:
    has_body = answer.status not in {204, 304}
    headers = {**_ALWAYS, **answer.headers, **({"content-type": answer.media_type} if has_body else {})}
    return AsgiResponse(answer.body, answer.status, headers)


def _problem(response: Response) -> AsgiResponse:
    answer = AsgiResponse(response.body, response.status, {**_ALWAYS, "content-type": response.content_type})
    for name, value in response.headers:
        answer.headers.append(name, value)
    return answer


async def _no_route(_: AsgiRequest, error: Exception) -> AsgiResponse:
    """Answer for a path that nothing is at, or a method that is not for it."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
        return _problem(
            problem_for(HttpProblem(problems.METHOD_NOT_ALLOWED, f"There is {allowed}", ("allow", allowed)))
        )
    return _problem(problem_for(HttpProblem(problems.NOT_FOUND, "No resource has this path")))


def _route(path: str, endpoint: Endpoint, methods: Collection[str]) -> Route:
    """Give a route whose path is matched in any case."""
    route = Route(path, endpoint, methods=methods)
    route.path_regex = re.compile(route.path_regex.pattern, re.IGNORECASE)
    return route
