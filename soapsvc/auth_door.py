"""The door where programs get tokens: OAuth's client_credentials, and ServicePrincipalLogIn."""

import base64
import logging
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from soapsvc.domain.errors import NotAuthenticated
from soapsvc.exchange import PLAIN, Headers, Refused, Request, Response, whole_body
from soapsvc.origin import ClearTextAlarm, Origin, Proxies
from soapsvc.usecases.tokens import IssuedToken, ScopeTooWide, Tokens
from soapsvc.usecases.witness import Witness

OAUTH, LOG_IN = "/oauth/token", "/hdaauth/authorize/serviceprincipallogin"
PREFIXES = ("/oauth/", "/hdaauth/")
_MOST_BYTES = 16_384
_MOST_PARAMETERS = 20
_log = logging.getLogger(__name__)
_FORM = "application/x-www-form-urlencoded"
_NOT_STORED = (("cache-control", "no-store"), ("pragma", "no-cache"))
_BASIC = ("www-authenticate", 'Basic realm="soapsvc", charset="UTF-8"')
_BEARER = ("www-authenticate", 'Bearer realm="soapsvc"')


@dataclass(frozen=True, slots=True)
class _Asked:
    """A principal who asks for a token, and its scope if one was named."""

    client: str
    name: str
    secret: str = field(repr=False)
    scope: str | None = None


class _Refused(Refused):
    """A request that is answered by an error of OAuth's own form."""

    def __init__(self, response: Response) -> None:
        Exception.__init__(self, response.status)
        self.response = response


class AuthDoor:
    """Answers below /oauth/ and /HdaAuth/, whose paths may be written in any case."""

    def __init__(
        self, tokens: Tokens, witness: Witness, *, proxies: Proxies, alarm: ClearTextAlarm, body_seconds: float
    ) -> None:
        self._tokens = tokens
        self._witness = witness
        self._proxies = proxies
        self._alarm = alarm
        self._body_seconds = body_seconds

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request."""
        try:
            answer = await self._respond(request)
        except Refused as refused:
            answer = refused.response
        except Exception as error:  # what it was is for the log alone
            _log.error("a token could not be given", exc_info=error)
            answer = _text(503, "The service cannot do it now")
        return replace(answer, headers=(*_NOT_STORED, *answer.headers))

    async def _respond(self, request: Request) -> Response:
        path = request.path.lower()
        if path not in {OAUTH, LOG_IN}:
            raise Refused(404, "There is nothing here")
        if request.method != "POST":
            raise Refused(405, "A token is asked for by POST", ("allow", "POST"))
        body = await whole_body(request, most=_MOST_BYTES, seconds=self._body_seconds)
        origin = self._proxies.origin_of(request)
        self._alarm.note(origin)
        if path == LOG_IN:
            return await self._log_in(body, request.headers, origin)
        return await self._oauth(body, request.headers, origin)

    async def _oauth(self, body: bytes, headers: Headers, origin: Origin) -> Response:
        """Answer as RFC 6749 has it, sections 4.4.2, 5.1 and 5.2."""
        form = _form(body, headers.get("content-type", ""))
        authorization = headers.get("authorization", "")
        client_id, secret = _client(form, authorization)
        if not form.get("grant_type"):
            raise _Refused(_error("invalid_request", "The grant_type is missing"))
        if form["grant_type"] != "client_credentials":
            raise _Refused(_error("unsupported_grant_type", "The only grant_type is client_credentials"))
        client, _, name = client_id.partition("/")
        try:
            issued = await self._issue(_Asked(client, name, secret, form.get("scope")), headers, origin)
        except NotAuthenticated as refused:
            raise _Refused(
                _error("invalid_client", str(refused), status=401, headers=(_BASIC, *_retry_after(refused)))
            ) from None
        except ScopeTooWide:
            raise _Refused(_error("invalid_scope", "The scope is unknown, or wider than the client's")) from None
        return Response(200, _described(issued), "application/json")

    async def _log_in(self, body: bytes, headers: Headers, origin: Origin) -> Response:
        client, name, secret = _log_in_of(body)
        try:
            issued = await self._issue(_Asked(client, name, secret), headers, origin)
        except NotAuthenticated as refused:
            raise Refused(401, str(refused), _BEARER, *_retry_after(refused)) from None
        return Response(200, issued.text.encode(), PLAIN)

    async def _issue(self, asked: _Asked, headers: Headers, origin: Origin) -> IssuedToken:
        """Give a token, and have it recorded who got one or did not. Raises NotAuthenticated, ScopeTooWide."""
        host = headers.get("host", "").encode()
        try:
            issued = await self._tokens.issue(
                asked.client,
                asked.name,
                asked.secret,
                host=host,
                address=origin.address or "",
                scope=asked.scope,
            )
        except NotAuthenticated as refused:
            if refused.claimed is not None:
                self._witness.sign_in_refused(refused.claimed, origin.address)
            raise
        self._witness.signed_in(issued.caller, origin.address)
        return issued


def _form(body: bytes, content_type: str) -> dict[str, str]:
    """Read the parameters, each of which may come once (RFC 6749, section 3.2)."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise _Refused(_error("invalid_request", f"A request for a token is of type {_FORM}"))
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict", separator="&"
        )
    except ValueError:
        raise _Refused(_error("invalid_request", "The parameters cannot be read")) from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _Refused(_error("invalid_request", "A parameter came twice"))
    return form


def _client(form: dict[str, str], authorization: str) -> tuple[str, str]:
    """Give the client's id and secret, from the one place where they are (RFC 6749, section 2.3.1)."""
    if not authorization:
        if not form.get("client_id"):
            raise _Refused(_error("invalid_client", "The client did not say who it is", status=401, headers=(_BASIC,)))
        return form["client_id"], form.get("client_secret", "")
    if "client_secret" in form:
        raise _Refused(_error("invalid_request", "The client authenticates in two ways"))
    scheme, _, encoded = authorization.strip().partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        if not colon:
            raise ValueError
        client_id = unquote_plus(name, errors="strict")
        secret = unquote_plus(secret, errors="strict")
    except ValueError:
        text = "The Authorization header cannot be read"
        raise _Refused(_error("invalid_client", text, status=401, headers=(_BASIC,))) from None
    if form.get("client_id", client_id) != client_id:
        raise _Refused(_error("invalid_request", "The client says that it is two"))
    return client_id, secret


def _log_in_of(body: bytes) -> tuple[str, str, str]:
    try:
        sent = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Refused(400, "The request is not a JSON object") from None
    given = {name.lower(): value for name, value in sent.items()}
    found = [given.get(name) for name in ("clientname", "principalname", "principalpassword")]
    texts = [one for one in found if isinstance(one, str)]
    if len(texts) != len(found) or len(given) != len(sent):
        raise Refused(400, "The request holds ClientName, PrincipalName and PrincipalPassword, each once")
    client, name, secret = texts
    return client, name, secret


def _described(issued: IssuedToken) -> bytes:
    return msgspec.json.encode(
        {
            "access_token": issued.text,
            "token_type": "Bearer",
            "expires_in": issued.seconds,
            "scope": issued.scope.value,
        }
    )


def _error(code: str, description: str, *, status: int = 400, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    body = msgspec.json.encode({"error": code, "error_description": description})
    return Response(status, body, "application/json", headers)


def _text(status: int, text: str, *headers: tuple[str, str]) -> Response:
    return Response(status, f"{text}\n".encode(), PLAIN, headers)


def _retry_after(refused: NotAuthenticated) -> tuple[tuple[str, str], ...]:
    return () if refused.retry_after is None else (("retry-after", str(refused.retry_after)),)
