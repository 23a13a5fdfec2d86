"""Builds what callbacks need from the settings: who sends, where to, how often, and the keys for their secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from soapsvc import __version__
from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.resolver import SystemResolver
from soapsvc.callbacks.sender import Sender, SendingLimits
from soapsvc.callbacks.slots import Slots
from soapsvc.domain.delivery import Retries
from soapsvc.jobs.delivering import DeliveryHandler
from soapsvc.origin import networks_of
from soapsvc.secret_keys import callback_secrets
from soapsvc.settings import Settings
from soapsvc.storage.database import Database
from soapsvc.usecases.callback_targets import CallbackSecrets


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the doors need to accept callbacks, and the worker to send them."""

    sender: Sender
    secrets: CallbackSecrets

    def handler(self, database: Database, settings: Settings) -> DeliveryHandler:
        """Give what does the jobs of deliveries."""
        return DeliveryHandler(
            database=database,
            sender=self.sender,
            secrets=self.secrets,
            retries=_retries(settings),
            slots=settings.callback_slots,
            slots_of_hosts=Slots(per_host=settings.callback_slots_per_host),
        )


@contextmanager
def opened_callbacks(settings: Settings) -> Iterator[Callbacks]:
    """Make what callbacks need, and let go of it at the end. Raises StorageUnavailable for keys that cannot be had."""
    secrets = callback_secrets(settings)
    resolver = SystemResolver(2 * settings.callback_slots)  # as many look-ups again may have been given up
    sender = Sender(
        AddressGuard(networks_of(settings.callback_networks)),
        resolver,
        SendingLimits(http_allowed=settings.callback_http, seconds=settings.callback_seconds),
        user_agent=f"soapsvc/{__version__}",
    )
    try:
        yield Callbacks(sender, secrets)
    finally:
        resolver.close()


def _retries(settings: Settings) -> Retries:
    delays = tuple(timedelta(seconds=int(part)) for part in settings.callback_retries.split(","))
    return Retries(delays=delays, jitter=settings.callback_jitter)
