"""A server that falls silent, for the network was cut or it was stopped: no unit waits for it for ever."""

import time

import pytest

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import schema
from soapsvc.storage.database import Limits, open_database
from soapsvc.storage.postgresql import BEGIN_SECONDS, CONNECT_SECONDS
from tests.storage.units import DEADLINE
from tests.support.silence import line_to

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]

SHORT = Limits(connections=4, statement=0.5, lock=0.2)
BACK_WITHIN = 5.0
SILENT_FOR_AT_MOST = BEGIN_SECONDS + CONNECT_SECONDS + 2


def test_a_server_that_falls_silent_is_given_up_and_serves_again_when_it_speaks(database_url):
    """Nothing tells a client that the network was cut, or a server stopped: only time does."""
    with line_to(database_url) as line:
        database = open_database(line.url, limits=SHORT)
        try:
            for _ in range(3):
                database.write(schema.touch).result(DEADLINE)
            line.fall_silent()
            for kind_of_unit in (database.write, database.read):
                began = time.monotonic()
                with pytest.raises(StorageUnavailable, match=r"cannot be reached|free in time"):
                    kind_of_unit(lambda _: None).result(DEADLINE)
                assert time.monotonic() - began < SILENT_FOR_AT_MOST
            line.speak()
            began = time.monotonic()
            database.write(schema.touch).result(DEADLINE)
            assert time.monotonic() - began < BACK_WITHIN
        finally:
            database.close()


def test_a_server_that_falls_silent_in_the_middle_of_a_unit_is_given_up_too(database_url):
    with line_to(database_url) as line:
        database = open_database(line.url, limits=SHORT)
        try:

            def unit(tx):
                schema.touch(tx)
                line.fall_silent()
                schema.touch(tx)

            with pytest.raises(StorageUnavailable, match="cannot be reached"):
                database.write(unit).result(DEADLINE)
        finally:
            database.close()
