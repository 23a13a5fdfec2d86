"""A doorkeeper of a test's own, over a database."""

from soapsvc.storage.database import Database
from soapsvc.usecases.digests import DigestSignIn
from soapsvc.usecases.doorkeeper import Doorkeeper
from soapsvc.usecases.sign_in import SignIn
from soapsvc.usecases.single_use import SingleUses
from soapsvc.usecases.tenancies import KnownTenancies
from soapsvc.usecases.throttle import Throttle
from soapsvc.usecases.tokens import TokenRules, Tokens


def doorkeeper(database: Database, sign_in: SignIn) -> Doorkeeper:
    throttle, tenancies = Throttle(), KnownTenancies(database, default="default", seconds=5)
    return Doorkeeper(
        database,
        tenancies,
        sign_in=sign_in,
        digests=DigestSignIn(database, vault=None, throttle=throttle),
        tokens=Tokens(database, tenancies, sign_in, rules=TokenRules(issuer="http://localhost"), throttle=throttle),
        single_uses=SingleUses(database),
    )
