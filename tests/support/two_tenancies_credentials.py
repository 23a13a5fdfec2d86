"""What two tenancies have for their sign-ins, and what one could do to that of the other."""

from dataclasses import dataclass

from soapsvc.domain.credentials import Scope
from soapsvc.domain.organisation import Entity
from soapsvc.storage import people, principals, recoverable_secrets, token_keys, used_nonces
from soapsvc.storage.principals import Principal
from soapsvc.storage.transaction import Transaction

CLIENT, NAME = "crm", "robot"


@dataclass(frozen=True)
class Credentials:
    """A principal of the same names, a key, a used nonce, and the person whose secret can be recovered."""

    person: Entity
    principal: Principal
    kid: str
    nonce: str


def furnish(tx: Transaction, mark: str, person: Entity) -> Credentials:
    recoverable_secrets.replace(tx, person, f"sealed of {mark}")
    principals.add(
        tx, client=CLIENT, name=NAME, person=person, scope=Scope.QUERY, secret_hash=f"hash of {mark}", lifetime=None
    )
    key = token_keys.StoredKey(kid=f"key of {mark}", public_key=mark, private_key=mark, made_at=tx.now())
    token_keys.add(tx, key)
    nonce = f"nonce of {mark}"
    assert used_nonces.use(tx, nonce, until=tx.now())
    principal = principals.find(tx, CLIENT, NAME)
    assert principal is not None
    return Credentials(person, principal, key.kid, nonce)


def look_for_own(tx: Transaction, own: Credentials, mark: str) -> None:
    found = principals.find(tx, CLIENT, NAME)
    assert found == own.principal == principals.find_by_id(tx, own.principal.id)
    assert principals.every(tx) == [own.principal]
    assert own.principal.secret_hash == f"hash of {mark}"
    assert recoverable_secrets.every(tx) == [(own.person.id, f"sealed of {mark}")]
    assert recoverable_secrets.find(tx, own.person.name) == (own.person, f"sealed of {mark}")
    assert [key.kid for key in token_keys.every_signing(tx)] == [own.kid]
    assert token_keys.find(tx, own.kid) == token_keys.signing(tx)
    assert not used_nonces.use(tx, own.nonce, until=tx.now())


def look_for_theirs(tx: Transaction, theirs: Credentials) -> None:
    assert principals.find_by_id(tx, theirs.principal.id) is None
    assert token_keys.find(tx, theirs.kid) is None
    assert used_nonces._FIND.row(tx, key=theirs.nonce) is None


def meddle(tx: Transaction, theirs: Credentials) -> None:
    people.set_enabled(tx, theirs.person, False)
    recoverable_secrets.reseal(tx, theirs.person.id, "another seal")
    recoverable_secrets.replace(tx, theirs.person, None)
    principals.disable(tx, CLIENT, NAME)
    token_keys.reseal(tx, theirs.kid, "another seal")
    token_keys.retire(tx, until=tx.now())
