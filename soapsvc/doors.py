"""Builds the doors of the service over its database, as the settings want them."""

from soapsvc import auth_door
from soapsvc.auth_door import AuthDoor
from soapsvc.doorkeeping import Doorkeeping
from soapsvc.exchange import Door
from soapsvc.origin import ClearTextAlarm
from soapsvc.rest import services
from soapsvc.rest.application import RestApplication
from soapsvc.rest.services import Services, Urls
from soapsvc.settings import Settings
from soapsvc.soap import contract
from soapsvc.soap.application import DoorLimits, SoapApplication
from soapsvc.soap.envelope import MessageLimits
from soapsvc.storage.database import Database
from soapsvc.usecases.witness import Witness
from soapsvc.usecases.work_lists import ListLimits
from soapsvc.working import Worker


def built(
    settings: Settings, database: Database, doorkeeping: Doorkeeping, witness: Witness, worker: Worker
) -> dict[str, Door]:
    """Give the doors, by the beginnings of their paths."""
    proxies, alarm = doorkeeping.proxies, ClearTextAlarm()
    soap = SoapApplication(
        database,
        doorkeeping.doorkeeper,
        witness,
        public_url=settings.address,
        limits=_limits(settings),
        proxies=proxies,
        alarm=alarm,
    )
    login = AuthDoor(doorkeeping.tokens, witness, proxies=proxies, alarm=alarm, body_seconds=settings.body_seconds)
    rest = RestApplication(
        _services(settings, database, worker),
        doorkeeping.doorkeeper,
        witness,
        proxies=proxies,
        alarm=alarm,
        most_bytes=settings.message_bytes,
        body_seconds=settings.body_seconds,
    )
    rest_paths = [prefix.lower() for prefix in services.PREFIXES]
    return {contract.BASE_PATH: soap, **dict.fromkeys(auth_door.PREFIXES, login), **dict.fromkeys(rest_paths, rest)}


def _services(settings: Settings, database: Database, worker: Worker) -> Services:
    return Services(
        database=database,
        operations=worker.operations,
        sender=worker.callbacks.sender,
        secrets=worker.callbacks.secrets,
        wake=worker.runner.wake,
        urls=Urls(settings.address),
        lists=_list_limits(settings),
        response_code=settings.response_code,
        document_bytes=settings.document_bytes,
    )


def _list_limits(settings: Settings) -> ListLimits:
    return ListLimits(
        page_items=settings.list_page_items,
        wait_seconds=settings.list_wait_seconds,
        seconds=settings.list_seconds,
    )


def _limits(settings: Settings) -> DoorLimits:
    return DoorLimits(
        messages=MessageLimits(
            bytes=settings.message_bytes,
            depth=settings.message_depth,
            elements=settings.message_elements,
            attributes=settings.message_attributes,
            namespaces=settings.message_namespaces,
            attribute_length=settings.attribute_length,
            items=settings.batch_items,
        ),
        lists=_list_limits(settings),
        body_seconds=settings.body_seconds,
    )
