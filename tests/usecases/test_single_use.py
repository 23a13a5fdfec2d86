"""Tokens of single use: none passes twice, whichever process it comes to, and none is forgotten too early."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from soapsvc.domain.credentials import Lifetime, SingleUse
from soapsvc.domain.errors import Claim, NotAuthenticated
from soapsvc.storage import tenancies
from soapsvc.storage.tables import used_nonce
from soapsvc.usecases import single_use
from soapsvc.usecases.single_use import SingleUses
from tests.conftest import DEFAULT_TENANCY

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SKEW = timedelta(seconds=300)
SECOND = timedelta(seconds=1)
ANA = Claim(tenancy=DEFAULT_TENANCY, name="ana")


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(whole_database, clock):
    """Start a process of the service, as far as single use goes."""

    def make(**options) -> SingleUses:
        uses = SingleUses(whole_database, **({"skew_seconds": SKEW.total_seconds(), "now": clock} | options))
        uses.load()
        return uses

    return make


def token(nonce: bytes = b"n", created: datetime | None = START) -> SingleUse:
    return SingleUse(nonce, created, created.isoformat() if created else "")


def use(uses: SingleUses, one: SingleUse, name: str = "ana", tenancy: int = DEFAULT_TENANCY) -> None:
    asyncio.run(uses.use(Claim(tenancy=tenancy, name=name), one))


def test_a_token_passes_once(start):
    uses = start()
    use(uses, token())
    with pytest.raises(NotAuthenticated, match="sent before"):
        use(uses, token())


def test_another_nonce_moment_or_name_is_another_token(start):
    uses = start()
    use(uses, token())
    use(uses, token(b"m"))
    use(uses, token(created=START + SECOND))
    use(uses, token(), name="ben")


def test_a_nonce_of_one_tenancy_is_another_in_another(start, whole_database):
    other = whole_database.write(lambda tx: tenancies.add(tx, moniker="acme", name="Acme")).result(10).id
    uses = start()
    use(uses, token())
    use(uses, token(), tenancy=other)
    for process in (uses, start()):
        for tenancy in (DEFAULT_TENANCY, other):
            with pytest.raises(NotAuthenticated, match="sent before"):
                use(process, token(), tenancy=tenancy)


def test_twins_at_the_same_moment_do_not_both_pass(start):
    uses = start()

    async def together():
        return await asyncio.gather(*(uses.use(ANA, token()) for _ in range(10)), return_exceptions=True)

    outcomes = asyncio.run(together())
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType"] + ["NotAuthenticated"] * 9


def test_a_process_that_began_later_knows_what_was_used(start):
    use(start(), token())
    with pytest.raises(NotAuthenticated, match="sent before"):
        use(start(), token())


def test_a_process_beside_knows_what_was_used_by_the_database_alone(start):
    first, second = start(), start()
    use(first, token())
    with pytest.raises(NotAuthenticated, match="sent before"):
        use(second, token())


@pytest.mark.parametrize(("age", "passes"), [(-SKEW, True), (SKEW, True), (-SKEW - SECOND, False),
                                             (SKEW + SECOND, False), (timedelta(days=30), False)])  # fmt: skip
def test_a_token_passes_only_while_its_age_is_within_the_skew(start, clock, age, passes):
    uses = start()
    clock.time = START + age
    if passes:
        use(uses, token())
    else:
        with pytest.raises(NotAuthenticated, match="too old"):
            use(uses, token())


@pytest.mark.parametrize("made", [START - SKEW, START, START + SKEW])
def test_there_is_no_moment_at_which_a_used_token_passes_again(start, clock, database, made):
    uses = start()
    use(uses, token(created=made))
    for seconds in range(0, 1300, 7):
        clock.time = START + timedelta(seconds=seconds)
        database.write(lambda tx: single_use.used_nonces.forget(tx, now=clock.time)).result(10)
        for process in (uses, start()):
            with pytest.raises(NotAuthenticated):
                use(process, token(created=made))


def test_what_is_too_old_to_pass_is_forgotten_in_memory_and_in_the_database(start, clock, database):
    uses = start(most=3)
    for number in range(3):
        use(uses, token(b"%d" % number))
    clock.time = START + SKEW + 2 * SECOND
    use(uses, token(b"later", created=clock.time))

    assert len(uses._used) == 1
    database.write(lambda tx: single_use.used_nonces.forget(tx, now=clock.time)).result(10)
    count = sa.select(sa.func.count()).select_from(used_nonce)
    assert database.read(lambda tx: tx.connection.execute(count).scalar_one()).result(10) == 1


def test_a_full_store_refuses_and_forgets_nothing(start):
    uses = start(most=3)
    for number in range(3):
        use(uses, token(b"%d" % number))
    for process in (uses, start(most=3)):
        with pytest.raises(NotAuthenticated, match="Too many"):
            use(process, token(b"one more"))
        for number in range(3):
            with pytest.raises(NotAuthenticated, match="sent before"):
                use(process, token(b"%d" % number))


def test_a_nonce_without_a_moment_is_remembered_for_twice_the_skew(start, clock):
    uses = start()
    use(uses, token(created=None))
    clock.time = START + 2 * SKEW
    with pytest.raises(NotAuthenticated, match="sent before"):
        use(uses, token(created=None))


def test_a_moment_without_a_nonce_passes_by_its_age_alone(start, clock):
    uses = start()
    for _ in range(2):
        use(uses, token(b""))
    clock.time = START + SKEW + SECOND
    with pytest.raises(NotAuthenticated, match="too old"):
        use(uses, token(b""))


@pytest.mark.parametrize(
    ("lifetime", "passes"),
    [
        (Lifetime(None, None), True),
        (Lifetime(START, START + SECOND), True),
        (Lifetime(START - timedelta(days=9), None), True),
        (Lifetime(START + SKEW, None), True),
        (Lifetime(START + SKEW + SECOND, None), False),
        (Lifetime(None, START - SKEW + SECOND), True),
        (Lifetime(None, START - SKEW), False),
    ],
)
def test_a_message_is_read_only_within_its_lifetime(start, lifetime, passes):
    uses = start()
    if passes:
        uses.check_lifetime(lifetime)
    else:
        with pytest.raises(NotAuthenticated, match="too old"):
            uses.check_lifetime(lifetime)
