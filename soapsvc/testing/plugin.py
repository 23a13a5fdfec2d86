"""The pytest plugin: two fixtures, each a service with a clean database for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from soapsvc.testing import service
from soapsvc.testing.service import ServiceUnderTest


@pytest.fixture
def soapsvc_service(tmp_path: Path) -> Iterator[ServiceUnderTest]:
    """Run a service in this process, without a socket: the quickest, for clients made by it."""
    with service.in_process(tmp_path) as running:
        yield running


@pytest.fixture
def soapsvc_server(tmp_path: Path) -> Iterator[ServiceUnderTest]:
    """Run a service on a free port, for clients of any make."""
    with service.over_a_socket(tmp_path) as running:
        yield running
