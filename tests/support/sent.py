"""One try of a delivery over a real connection."""

import asyncio

from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.sender import Sender, SendingLimits
from soapsvc.origin import networks_of
from soapsvc.usecases import deliveries
from tests.support.receivers import Names, receiving


def send(database, secrets, number, respond, networks="127.0.0.0/8"):
    """Make the next try, over a real connection; give what it came to, and what was received."""
    sending = database.read(lambda tx: deliveries.to_send(tx, number)).result(10)

    async def play():
        async with receiving(respond) as receiver:
            elsewhere = f"http://receiver.example:{receiver.port}/hook"
            limits = SendingLimits(http_allowed=True, seconds=5)
            sender = Sender(AddressGuard(networks_of(networks)), Names(["127.0.0.1"]), limits, user_agent="test")
            there = type(sending)(**{name: getattr(sending, name) for name in sending.__slots__} | {"url": elsewhere})
            return sending, await deliveries.sent(sender, secrets, there), receiver.requests

    return asyncio.run(play())
