"""A running service for the tests of teams that write clients: pytest fixtures, builders, a clock that obeys."""

from soapsvc.testing.service import Clock, Person, ServiceUnderTest

__all__ = ["Clock", "Person", "ServiceUnderTest"]
