"""The look-up of names, in threads of its own: a name server that is slow must not hold up anything else."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host for a port, at least one. Raises OSError where there are none."""


class SystemResolver:
    """Asks the operating system. One that is given up goes on in its thread until the system gives up too."""

    def __init__(self, most_at_once: int) -> None:
        self._threads = ThreadPoolExecutor(most_at_once, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Give all addresses, each once, in the order in which the system would try them."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Start no look-up any more; wait for none."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is too long, or empty
        raise OSError(str(error)) from None
    return [str(address[0]) for *_, address in answers]
