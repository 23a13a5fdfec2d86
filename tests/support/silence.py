"""Stands between the service and PostgreSQL on a socket, and can fall silent, as a network does that was cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import sqlalchemy as sa


class Line:
    """Passes bytes on in both directions while it is not silent; whoever connects to a silent one hears nothing."""

    def __init__(self, server: sa.URL) -> None:
        self._server = server
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = server.set(host="127.0.0.1", port=self._listener.getsockname()[1], query={})
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """Let nothing through any more; connections stay open."""
        self._flowing.clear()

    def speak(self) -> None:
        """Let everything through again, also what was held back."""
        self._flowing.set()

    def close(self) -> None:
        """Close all connections."""
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connected()
                self._open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _connected(self) -> socket.socket:
        folder = self._server.query.get("host")
        if folder:
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{folder}/.s.PGSQL.{self._server.port or 5432}")
            return server
        return socket.create_connection((self._server.host or "127.0.0.1", self._server.port or 5432))

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line_to(server: sa.URL) -> Iterator[Line]:
    """Give a line to a server."""
    line = Line(server)
    try:
        yield line
    finally:
        line.speak()
        line.close()
