"""The deliveries of a version's callbacks as resources: seen with all their tries, and tried again."""

from soapsvc.domain.errors import UnknownDelivery
from soapsvc.rest import payloads
from soapsvc.rest.operations import Answer, Call, answer
from soapsvc.rest.representations import shown_delivery
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import callback_targets, deliveries, versions

_MOST_DIGITS = 18


def list_all(tx: Transaction, call: Call) -> Answer:
    """Show the deliveries of a version."""
    target = call.target(tx)
    item, session = versions.get_version(tx, call.caller, target)
    reference = versions.reference(tx, item.guid, target.version)
    found = deliveries.list_deliveries(tx, call.caller, reference, session.guid)
    return answer(payloads.Deliveries(deliveries=[shown_delivery(one) for one in found]), version=item.version)


def replay(tx: Transaction, call: Call) -> Answer:
    """Begin a new round of tries."""
    secret = call.body.callback_secret
    sealed = None if secret is None else callback_targets.sealed_secret(call.services.secrets, secret)
    reference = versions.reference(tx, call.item, call.version(tx))
    replayed = deliveries.replay(
        tx, call.caller, reference, call.session, _delivery_id(call.path["deliveryId"]), sealed_secret=sealed
    )
    tx.after_commit(call.services.wake)
    return answer(shown_delivery(replayed), status=202, version=versions.current(tx, call.item))


def _delivery_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise UnknownDelivery(0)
    return int(text)
