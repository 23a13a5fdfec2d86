"""Stands between clients and a node, or a worker and its database, and cuts them off: what is lost is the answer."""

import asyncio
from contextlib import suppress

_CHUNK = 1 << 16


class Proxy:
    """Passes bytes on between a port of its own and a node's, or a socket with a path, as long as it is let."""

    def __init__(self, port: int, to: int | str) -> None:
        self.port = port
        self._to = to
        self._is_cut = False
        self._is_mute = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=_CHUNK)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self._drop()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        self._is_cut = True
        self._drop()

    def mute(self) -> None:
        """Go on passing requests to the node, and lose its answers."""
        self._is_mute = True

    def mend(self) -> None:
        """Be as before; connections whose answers were lost are broken, for they would be out of step."""
        if self._is_mute:
            self._drop()
        self._is_cut = self._is_mute = False

    def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._is_cut:
                return
            if isinstance(self._to, str):
                to_reader, to_writer = await asyncio.open_unix_connection(self._to)
            else:
                to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
            both = {writer, to_writer}
            self._writers |= both
            try:
                await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer, is_answer=True))
            finally:
                self._writers -= both
                to_writer.transport.abort()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if is_answer and self._is_mute:
                    continue
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
