"""Who a caller is, by whatever he shows: a password, a digest, a token, or a proxy that vouches for him."""

from dataclasses import replace

from soapsvc.domain.caller import Caller
from soapsvc.domain.credentials import BearerToken, Credentials, Lifetime, PasswordDigest, Shown, VouchedName
from soapsvc.domain.errors import Claim, NotAuthenticated
from soapsvc.storage import people
from soapsvc.storage.database import Database, run_in
from soapsvc.usecases.digests import DigestSignIn
from soapsvc.usecases.sign_in import SignIn
from soapsvc.usecases.single_use import SingleUses
from soapsvc.usecases.tenancies import KnownTenancies
from soapsvc.usecases.tokens import Tokens


class Doorkeeper:
    """Knows everyone who may come in, however he proves who he is; one for a whole service."""

    def __init__(
        self,
        database: Database,
        tenancies: KnownTenancies,
        *,
        sign_in: SignIn,
        digests: DigestSignIn,
        tokens: Tokens,
        single_uses: SingleUses,
    ) -> None:
        self._database = database
        self._tenancies = tenancies
        self._sign_in = sign_in
        self._digests = digests
        self._tokens = tokens
        self._single_uses = single_uses

    def check_lifetime(self, lifetime: Lifetime) -> None:
        """Raise NotAuthenticated for a message that says itself that it is not meant to be read now."""
        self._single_uses.check_lifetime(lifetime)

    async def caller(self, shown: Shown, *, host: bytes, address: str) -> Caller:
        """Give who shows this, at this Host and from this address, in the tenancy that both mean.

        Raises NotAuthenticated.
        """
        directory = await self._tenancies.directory()
        if isinstance(shown, BearerToken):
            caller = await self._tokens.caller(shown.text, host=host)
        else:
            tenancy, name = directory.meant(host, shown.name)
            caller = await self._named(Claim(tenancy=tenancy.id, name=name), shown, address)
        return replace(caller, must_supply_version=True) if directory.version_required(caller.tenancy) else caller

    async def _named(self, claimed: Claim, shown: Credentials | PasswordDigest | VouchedName, address: str) -> Caller:
        if isinstance(shown, VouchedName):
            return await self._vouched_for(claimed)
        if shown.single_use is not None:
            self._single_uses.check_age(shown.single_use, claimed)
        if isinstance(shown, PasswordDigest):
            caller = await self._digests.caller(claimed, shown, address=address)
        else:
            caller = await self._sign_in.caller(claimed.tenancy, claimed.name, shown.password, address=address)
        if shown.single_use is not None:  # only who has proven who he is may use up anything
            await self._single_uses.use(claimed, shown.single_use)
        return caller

    async def _vouched_for(self, claimed: Claim) -> Caller:
        find = run_in(claimed.tenancy, lambda tx: people.find_account(tx, claimed.name))
        account = await self._database.seen(find)
        if account is None:
            raise NotAuthenticated("The proxy vouches for somebody who may not sign in here", claimed=claimed)
        return Caller(person=account[0], tenancy=claimed.tenancy)
