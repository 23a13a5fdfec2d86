"""Signing in: one text for every failure, one price for every attempt, and a short memory."""

import asyncio
import threading

import argon2
import pytest
import sqlalchemy as sa

from soapsvc.domain.credentials import Scope
from soapsvc.domain.errors import InvalidRequest, NotAuthenticated
from soapsvc.storage.tables import account
from soapsvc.usecases import people, principals, sign_in
from soapsvc.usecases.sign_in import SignIn, hash_password
from soapsvc.usecases.tenancies import KnownTenancies
from soapsvc.usecases.throttle import Throttle
from soapsvc.usecases.tokens import TokenRules, Tokens
from tests.conftest import DEFAULT_TENANCY

PASSWORD = "correct horse"
SECONDS = 60.0


class CountingHasher:
    """Real argon2, as cheap as it gets, that counts what it verified."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def verify(self, password_hash: str, password: str) -> bool:
        self.verified.append(password_hash)
        return self._hasher.verify(password_hash, password)


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hasher(monkeypatch):
    hasher = CountingHasher()
    monkeypatch.setattr(sign_in, "_hasher", hasher)
    sign_in._hash_of_nobody.cache_clear()
    yield hasher
    sign_in._hash_of_nobody.cache_clear()


@pytest.fixture
def set_password(write, hasher):
    """Change a password as a command does in a process of its own, of whose commit this one is not told."""

    def to(name: str, password: str) -> None:
        change = sa.update(account).where(account.c.name == name).values(password_hash=hasher.hash(password))
        write(lambda tx: tx.connection.execute(change))

    return to


@pytest.fixture
def disable(write):
    """Disable an account as another process would."""
    return lambda name: write(
        lambda tx: tx.connection.execute(sa.update(account).where(account.c.name == name).values(enabled=False))
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signing_in(whole_database, set_password, clock):
    for name in ("ana", "ben", "carl"):
        set_password(name, PASSWORD)
    one = SignIn(whole_database, seconds_remembered=SECONDS, clock=clock)
    yield one
    one.close()


@pytest.fixture
def caller(signing_in):
    return lambda name="ana", password=PASSWORD: asyncio.run(signing_in.caller(DEFAULT_TENANCY, name, password))


def test_who_gives_his_password_is_known(caller, cast):
    assert caller() == cast.caller("ana")


def test_a_wrong_password_an_unknown_user_and_a_disabled_account_cannot_be_told_apart(caller, hasher, disable):
    disable("ben")
    texts = set()
    for name, password in (("ana", "wrong horse"), ("nobody", PASSWORD), ("ben", PASSWORD), ("", ""), ("ana", "")):
        hasher.verified.clear()
        with pytest.raises(NotAuthenticated) as refused:
            caller(name, password)
        texts.add(str(refused.value))
        assert refused.value.parameters == ()
        assert len(hasher.verified) == 1  # each costs the same
        assert hasher.verified[0].startswith("$argon2id$")

    assert texts == {"The user name or the password is wrong"}


def test_a_principal_costs_one_verification_whatever_is_wrong_with_it(
    signing_in, hasher, write, disable, whole_database
):
    secret_hash = hasher.hash(PASSWORD)
    for name in ("ana", "ben", "carl"):
        write(
            lambda tx, one=name: principals.add(
                tx, client="c", name=one, person=None, scope=Scope.ROOT, secret_hash=secret_hash, lifetime=None
            )
        )
    disable("ben")
    write(lambda tx: principals.disable(tx, "c", "carl"))
    known = KnownTenancies(whole_database, default="default", seconds=5)
    rules = TokenRules(issuer="http://x")
    tokens = Tokens(whole_database, known, signing_in, rules=rules, throttle=Throttle())
    texts = set()
    for name, secret in (
        ("ana", "wrong horse"), ("nobody", PASSWORD), ("ben", PASSWORD), ("carl", PASSWORD), ("ana", PASSWORD * 999),
    ):  # fmt: skip
        hasher.verified.clear()
        with pytest.raises(NotAuthenticated) as refused:
            asyncio.run(tokens.issue("c", name, secret, host=b"", address=""))
        texts.add(str(refused.value))
        assert len(hasher.verified) == 1

    assert len(texts) == 1
    assert asyncio.run(tokens.issue("c", "ana", PASSWORD, host=b"", address="")).scope is Scope.ROOT


def test_nobodys_hash_costs_what_everybodys_costs(caller, hasher):
    with pytest.raises(NotAuthenticated):
        caller("nobody")

    (verified,) = hasher.verified
    assert argon2.extract_parameters(verified) == argon2.extract_parameters(hasher.hash(PASSWORD))


def test_a_password_without_end_is_refused_unverified(caller, hasher):
    with pytest.raises(NotAuthenticated, match="The user name or the password is wrong"):
        caller("ana", "x" * 1025)
    assert hasher.verified == []


@pytest.mark.parametrize(("name", "password"), [("an", f"a{PASSWORD}"), ("ana", PASSWORD[:-1]), ("Ana", PASSWORD)])
def test_a_sign_in_is_remembered_for_its_very_name_and_password(caller, name, password):
    caller()

    with pytest.raises(NotAuthenticated):
        caller(name, password)


def test_a_sign_in_is_remembered_for_the_given_seconds(caller, hasher, clock, cast, disable):
    caller()
    disable("ana")
    clock.time += SECONDS - 0.001
    assert caller() == cast.caller("ana")
    assert len(hasher.verified) == 1

    clock.time += 0.001
    with pytest.raises(NotAuthenticated):
        caller()


def test_after_that_time_the_account_is_looked_at_and_not_verified_again(caller, hasher, clock):
    caller()
    for _ in range(3):
        clock.time += SECONDS
        caller()

    assert len(hasher.verified) == 1


def test_a_changed_password_is_noticed_after_that_time(caller, set_password, clock):
    caller()
    set_password("ana", "another horse")

    assert caller()  # still remembered
    assert caller("ana", "another horse")  # and the new one counts at once
    clock.time += SECONDS
    with pytest.raises(NotAuthenticated):
        caller()
    assert caller("ana", "another horse")


def test_what_this_process_changes_counts_at_once(caller, hasher, write):
    caller()
    password_hash = hasher.hash("another horse")
    write(lambda tx: people.set_password(tx, "ana", password_hash))
    with pytest.raises(NotAuthenticated):
        caller()
    assert caller("ana", "another horse")

    write(lambda tx: people.set_enabled(tx, "ana", False))
    with pytest.raises(NotAuthenticated):
        caller("ana", "another horse")
    write(lambda tx: people.set_enabled(tx, "ana", True))
    assert caller("ana", "another horse")


def test_who_comes_after_a_change_does_not_share_a_check_that_began_before_it(signing_in, write, cast, hasher):
    is_checking, may_end = threading.Event(), threading.Event()
    verify = hasher.verify

    def wait_and_verify(password_hash: str, password: str) -> bool:
        is_checking.set()
        assert may_end.wait(10)
        return verify(password_hash, password)

    hasher.verify = wait_and_verify

    async def meanwhile():
        first = asyncio.ensure_future(signing_in.caller(DEFAULT_TENANCY, "ana", PASSWORD))
        assert await asyncio.to_thread(is_checking.wait, 10)  # so it has looked at the account
        write(lambda tx: people.set_enabled(tx, "ana", False))
        second = asyncio.ensure_future(signing_in.caller(DEFAULT_TENANCY, "ana", PASSWORD))
        may_end.set()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(meanwhile())
    assert first == cast.caller("ana")
    assert isinstance(second, NotAuthenticated)


def test_a_change_that_is_taken_back_changes_nothing(caller, hasher, write):
    caller()

    def fail(tx) -> None:
        people.set_enabled(tx, "ana", False)
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        write(fail)
    assert caller()
    assert len(hasher.verified) == 1


def test_a_failure_is_not_remembered(caller, hasher, set_password):
    with pytest.raises(NotAuthenticated):
        caller("ana", "another horse")
    set_password("ana", "another horse")

    assert caller("ana", "another horse")
    assert len(hasher.verified) == 2


def test_no_more_sign_ins_are_remembered_than_the_limit(caller, hasher, monkeypatch):
    monkeypatch.setattr(sign_in, "MOST_REMEMBERED", 2)
    for name in ("ana", "ben", "carl"):
        caller(name)
    assert len(hasher.verified) == 3

    caller("carl")
    caller("ben")
    assert len(hasher.verified) == 3
    caller("ana")  # the oldest was let go
    assert len(hasher.verified) == 4


def test_sign_ins_at_the_same_moment_share_one_verification(signing_in, hasher, cast):
    async def together():
        return await asyncio.gather(*(signing_in.caller(DEFAULT_TENANCY, "ana", PASSWORD) for _ in range(20)))

    assert asyncio.run(together()) == [cast.caller("ana")] * 20
    assert len(hasher.verified) == 1


def test_failures_at_the_same_moment_share_one_verification_and_all_fail(signing_in, hasher):
    async def together():
        attempts = (signing_in.caller(DEFAULT_TENANCY, "ana", "wrong horse") for _ in range(20))
        return await asyncio.gather(*attempts, return_exceptions=True)

    assert {type(one) for one in asyncio.run(together())} == {NotAuthenticated}
    assert len(hasher.verified) == 1


def test_different_people_at_the_same_moment_are_told_apart(signing_in, cast):
    async def together():
        return await asyncio.gather(
            *(signing_in.caller(DEFAULT_TENANCY, name, PASSWORD) for name in ("ana", "ben", "carl"))
        )

    assert asyncio.run(together()) == [cast.caller(name) for name in ("ana", "ben", "carl")]


def test_who_hangs_up_does_not_take_the_others_along(signing_in, cast):
    async def together():
        first = asyncio.ensure_future(signing_in.caller(DEFAULT_TENANCY, "ana", PASSWORD))
        second = asyncio.ensure_future(signing_in.caller(DEFAULT_TENANCY, "ana", PASSWORD))
        await asyncio.sleep(0)  # both have begun
        first.cancel()
        return await asyncio.wait_for(second, 10)

    assert asyncio.run(together()) == cast.caller("ana")


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 1025])
def test_a_password_that_is_too_short_or_too_long_is_not_taken(hasher, password):
    with pytest.raises(InvalidRequest):
        hash_password(password)


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, "p\u00e4ssw\u00f6rd \U0001f600"])
def test_a_password_of_any_characters_can_be_used(caller, set_password, password, cast, write):
    password_hash = hash_password(password)
    write(lambda tx: people.set_password(tx, "ana", password_hash))

    assert caller("ana", password) == cast.caller("ana")


def test_a_password_is_hashed_at_the_cost_that_its_makers_advise_for_today(hasher_of_the_service):
    parameters = argon2.extract_parameters(hasher_of_the_service.hash(PASSWORD))

    assert parameters == argon2.profiles.RFC_9106_LOW_MEMORY


def test_a_stored_hash_is_argon2id_with_a_salt():
    one, other = hash_password(PASSWORD), hash_password(PASSWORD)

    assert one.startswith("$argon2id$")
    assert one != other
    assert PASSWORD not in one
