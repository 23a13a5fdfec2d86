"""One try to send a callback: look the name up, check every address, dial one that was checked, within one deadline."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import httpcore2
from httpcore2 import AnyIOBackend, AsyncHTTPConnection, AsyncNetworkBackend, AsyncNetworkStream

from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.resolver import Resolver
from soapsvc.callbacks.urls import Endpoint, endpoint_of
from soapsvc.domain.delivery import MOST_ANSWER_BYTES, Attempt, Outcome
from soapsvc.domain.errors import InvalidCallback

NOT_ALLOWED = "its host has an address that callbacks may not go to"
_ADDRESSES_TRIED = 4
_SECONDS_TO_CHECK = 5.0
_SECONDS_FOR_BODY = 1.0


class BlockedAddress(Exception):
    """A name leads where callbacks may not go. The message is for the delivery log and names no address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendingLimits:
    """What the operator allows: plain http or not, and the seconds from the look-up to the answer."""

    http_allowed: bool = False
    seconds: float = 20.0


class Sender:
    """Sends callbacks. Nothing is kept between two of them: no connection, no cookie, no answer of a name server."""

    def __init__(
        self,
        guard: AddressGuard,
        resolver: Resolver,
        limits: SendingLimits,
        *,
        user_agent: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._resolver = resolver
        self._limits = limits
        self._user_agent = user_agent
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """What TLS goes by: made for the first try, for it takes as long as the rest of the service's start."""
        tls = self._given_tls or httpcore2.default_ssl_context()
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        return tls

    async def check(self, url: str) -> None:
        """Raise InvalidCallback for a URL that is not allowed, or whose host has an address that is not allowed now.

        A name that cannot be looked up at present passes: before anything is sent it is looked up again.
        """
        endpoint = endpoint_of(url, http_allowed=self._limits.http_allowed)
        try:
            async with asyncio.timeout(_SECONDS_TO_CHECK):
                await self._allowed_addresses(endpoint)
        except BlockedAddress as error:
            raise InvalidCallback("URL", str(error)) from None
        except OSError:  # TimeoutError is one
            return

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """Try once to POST JSON; say what it came to. Never raises for what the network or the receiver does."""
        began = time.monotonic()
        attempt = await self._try(url, body, headers)
        return replace(attempt, milliseconds=round((time.monotonic() - began) * 1_000))

    async def _try(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        try:
            async with asyncio.timeout(self._limits.seconds):
                endpoint = endpoint_of(url, http_allowed=self._limits.http_allowed)
                addresses = await self._allowed_addresses(endpoint)
                async with self._connected(endpoint, addresses) as connection:
                    return await _answer(connection, self._request(endpoint, body, headers))
        except (BlockedAddress, InvalidCallback) as error:
            return Attempt.failed(Outcome.BLOCKED, str(error))
        except TimeoutError:
            return Attempt.failed(Outcome.TIMED_OUT, f"there was no answer within {self._limits.seconds:g} seconds")
        except (OSError, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
            return Attempt.failed(Outcome.UNREACHABLE, str(error) or type(error).__name__)

    async def _allowed_addresses(self, endpoint: Endpoint) -> Sequence[str]:
        """Look a host up. Raises BlockedAddress if any of its addresses is not allowed, OSError if it has none."""
        addresses = await self._resolver(endpoint.host, endpoint.port)
        if not addresses:
            raise OSError("its name has no address")
        if not all(self._guard.allows(address) for address in addresses):
            raise BlockedAddress(NOT_ALLOWED)
        return addresses

    @asynccontextmanager
    async def _connected(self, endpoint: Endpoint, addresses: Sequence[str]) -> AsyncIterator[AsyncHTTPConnection]:
        origin = httpcore2.Origin(endpoint.scheme.encode(), endpoint.host.encode(), endpoint.port)
        dialler = _Dialler(addresses, self._limits.seconds / _ADDRESSES_TRIED)
        try:
            yield AsyncHTTPConnection(origin, ssl_context=self._tls, network_backend=dialler)
        finally:
            await dialler.hang_up()

    def _request(self, endpoint: Endpoint, body: bytes, headers: Mapping[str, str]) -> httpcore2.Request:
        own = {
            "host": endpoint.authority,
            "content-type": "application/json",
            "content-length": str(len(body)),
            "user-agent": self._user_agent,
            "accept-encoding": "identity",
            "connection": "close",
        }
        url = httpcore2.URL(
            scheme=endpoint.scheme.encode(),
            host=endpoint.host.encode(),
            port=endpoint.port,
            target=endpoint.target.encode(),
        )
        return httpcore2.Request("POST", url, headers=list((own | dict(headers)).items()), content=body)


class _Dialler(AsyncNetworkBackend):
    """Connects to addresses that were checked, whatever the host is called: TLS and Host keep its name."""

    def __init__(self, addresses: Sequence[str], seconds_each: float) -> None:
        self._addresses = addresses[:_ADDRESSES_TRIED]
        self._seconds_each = seconds_each
        self._stream: AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the name must not be looked up again
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the interface is httpcore2's
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Give a connection to the first of the addresses that can be reached."""
        failures: list[httpcore2.ConnectError | httpcore2.ConnectTimeout] = []
        for address in self._addresses:
            try:
                self._stream = await AnyIOBackend().connect_tcp(
                    address, port, timeout=self._seconds_each, socket_options=socket_options
                )
                return self._stream
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failures.append(error)
        raise failures[0]

    async def hang_up(self) -> None:
        """Close the connection whatever became of it: one that is given up during its handshake is nobody else's."""
        if self._stream is not None:
            await self._stream.aclose()


async def _answer(connection: AsyncHTTPConnection, request: httpcore2.Request) -> Attempt:
    """Send a request and judge the status of its answer."""
    response = await connection.handle_async_request(request)
    names = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    answer = await _beginning_of(response.aiter_stream())
    return Attempt.answered(response.status, answer=answer, retry_after=names.get(b"retry-after"))


async def _beginning_of(stream: AsyncIterable[bytes]) -> bytes:
    """Read as much of a body as is kept. The status has told how it went: what is missing or broken now is left out."""
    beginning = bytearray()
    with contextlib.suppress(TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        async with asyncio.timeout(_SECONDS_FOR_BODY):
            async for part in stream:
                beginning += part[: MOST_ANSWER_BYTES - len(beginning)]
                if len(beginning) == MOST_ANSWER_BYTES:
                    break
    return bytes(beginning)
