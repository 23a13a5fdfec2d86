"""Builds what proves who callers are, as the settings want it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from soapsvc.origin import Proxies, networks_of
from soapsvc.secret_keys import named_vault
from soapsvc.settings import Settings
from soapsvc.storage.database import Clock, Database
from soapsvc.usecases.digests import DigestSignIn
from soapsvc.usecases.doorkeeper import Doorkeeper
from soapsvc.usecases.sign_in import SignIn
from soapsvc.usecases.single_use import SingleUses
from soapsvc.usecases.tenancies import KnownTenancies
from soapsvc.usecases.throttle import Throttle
from soapsvc.usecases.tokens import TokenRules, Tokens


@dataclass(frozen=True, slots=True)
class Doorkeeping:
    """What doors need to know who calls, and what must be closed at the end: `sign_in`."""

    doorkeeper: Doorkeeper
    tokens: Tokens
    sign_in: SignIn
    proxies: Proxies


def built(settings: Settings, database: Database, tenancies: KnownTenancies, clock: Clock) -> Doorkeeping:
    """Build it all over a database. Raises StorageUnavailable where the secret key file cannot be used."""
    keys = named_vault(settings)
    single_uses = SingleUses(
        database,
        skew_seconds=settings.clock_skew_seconds,
        most=settings.single_uses,
        now=lambda: clock(datetime.now(UTC)),
    )
    single_uses.load()
    throttle = Throttle(
        account_failures=settings.throttle_account_failures,
        address_failures=settings.throttle_address_failures,
        seconds_most=settings.throttle_seconds,
        clock=lambda: clock(datetime.now(UTC)).timestamp(),
    )
    sign_in = SignIn(database, seconds_remembered=settings.credential_seconds, throttle=throttle)
    tokens = Tokens(
        database,
        tenancies,
        sign_in,
        rules=TokenRules(
            issuer=settings.address,
            lifetime_seconds=settings.token_seconds,
            seconds_remembered=settings.credential_seconds,
        ),
        throttle=throttle,
        vault=keys,
        now=lambda: clock(datetime.now(UTC)),
    )
    digests = DigestSignIn(database, vault=keys, throttle=throttle)
    doorkeeper = Doorkeeper(
        database, tenancies, sign_in=sign_in, digests=digests, tokens=tokens, single_uses=single_uses
    )
    proxies = Proxies(networks_of(settings.proxy_addresses), settings.proxy_identity_header)
    return Doorkeeping(doorkeeper, tokens, sign_in, proxies)
