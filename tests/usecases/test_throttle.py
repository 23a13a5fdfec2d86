"""Who guesses is slowed down, and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.errors import Claim, NotAuthenticated
from soapsvc.usecases import throttle as throttle_module
from soapsvc.usecases.throttle import NOT_AUTHENTICATED, PERSON, PRINCIPAL, Throttle

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return Throttle(account_failures=3, address_failures=6, seconds_most=60, clock=clock)


def of(account: str, tenancy: int = 1) -> Claim:
    return Claim(tenancy=tenancy, name=account)


def fail(throttle, account="ana", address=ELSEWHERE, times=1):
    for _ in range(times):
        throttle.begin(of(account), address)
        throttle.failed(address)


def wait_for(throttle, account="ana", address=ELSEWHERE, tenancy=1, kind=PERSON) -> int | None:
    """Give how long an attempt is told to wait; None if it is looked at (and then it succeeds)."""
    refusals = []
    try:
        throttle.begin(of(account, tenancy), address, kind=kind)
    except NotAuthenticated as refused:
        refusals.append(refused)
    else:
        throttle.succeeded(of(account, tenancy), address, kind=kind)
    assert all(one.claimed == of(account, tenancy) for one in refusals)
    assert [str(one) for one in refusals] in ([], [NOT_AUTHENTICATED])
    return refusals[0].retry_after if refusals else None


def test_the_first_failures_are_free_and_then_the_time_doubles_up_to_its_limit(throttle, clock):
    fail(throttle, times=3)
    waits = []
    for _ in range(9):
        fail(throttle)
        waits.append(wait_for(throttle))
        clock.time += waits[-1]

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_refused_attempt_does_not_count_and_the_time_that_is_left_is_told(throttle, clock):
    fail(throttle, times=5 - 1)
    clock.time += 1
    fail(throttle)
    clock.time += 0.5
    assert [wait_for(throttle) for _ in range(20)] == [2] * 20  # 1.5 seconds, in whole ones
    clock.time += 1.5
    assert wait_for(throttle) is None


def test_a_success_ends_it(throttle, clock):
    fail(throttle, times=4)
    clock.time += 1
    assert wait_for(throttle) is None
    fail(throttle, times=3)
    assert wait_for(throttle) is None


def test_after_a_quiet_time_it_begins_anew(throttle, clock):
    fail(throttle, times=4)
    clock.time += 1 + 60 + 0.001
    fail(throttle, times=3)
    assert wait_for(throttle) is None


def test_a_stranger_elsewhere_does_not_keep_the_owner_out(throttle):
    fail(throttle, times=4)
    assert wait_for(throttle) is not None
    assert wait_for(throttle, address=HOME) is None


def test_one_address_that_tries_many_accounts_is_refused_for_all_that_are_new_there(throttle, clock):
    assert wait_for(throttle, "carl", HOME) is None
    for number in range(7):
        fail(throttle, f"victim-{number}", HOME)

    assert wait_for(throttle, "ana", HOME) == 1
    assert wait_for(throttle, "carl", HOME) is None  # who signed in from there before
    assert wait_for(throttle, "ana", ELSEWHERE) is None
    clock.time += 1
    assert wait_for(throttle, "ana", HOME) is None


def test_one_success_does_not_free_the_address_for_further_guesses(throttle):
    for number in range(7):
        fail(throttle, f"victim-{number}", HOME)
        if number == 5:
            assert wait_for(throttle, "mallory", HOME) is None
    assert wait_for(throttle, "ana", HOME) == 1


def test_many_attempts_at_the_same_moment_gain_nothing(throttle):
    for _ in range(4):
        throttle.begin(of("ana"), ELSEWHERE)  # none has turned out yet
    with pytest.raises(NotAuthenticated):
        throttle.begin(of("ana"), ELSEWHERE)


def test_one_network_of_ipv6_is_one_place(throttle):
    fail(throttle, address="2001:db8::1", times=4)
    assert wait_for(throttle, address="2001:db8::2:3") is not None
    assert wait_for(throttle, address="2001:db8:0:1::1") is None


def test_an_account_of_the_same_name_in_another_tenancy_is_another_one(throttle):
    fail(throttle, times=4)
    assert wait_for(throttle, tenancy=2) is None
    assert wait_for(throttle) == 1


def test_a_principal_that_is_named_like_a_person_frees_nobody_to_guess(throttle):
    fail(throttle, times=4)
    assert wait_for(throttle, kind=PRINCIPAL) is None
    assert wait_for(throttle) == 1


def test_an_unknown_account_is_treated_like_any_other(throttle):
    fail(throttle, account="nobody", times=4)
    assert wait_for(throttle, account="nobody") == 1


def test_a_clock_that_goes_back_keeps_nobody_out_for_longer_than_the_limit(throttle, clock):
    fail(throttle, times=4)
    clock.time -= 100_000
    assert wait_for(throttle) == 60


def test_no_more_is_remembered_than_the_limit(throttle, monkeypatch):
    monkeypatch.setattr(throttle_module, "MOST_TALLIES", 5)
    for number in range(50):
        throttle.begin(of(f"account-{number}"), f"10.0.0.{number}")
        throttle.failed(f"10.0.0.{number}")
        throttle.succeeded(of(f"account-{number}"), f"10.0.0.{number}")
    sizes = [len(throttle._pairs._tallies), len(throttle._addresses._tallies), len(throttle._known)]
    assert max(sizes) <= 5


def test_a_limit_of_no_seconds_refuses_nobody(clock):
    open_to_all = Throttle(account_failures=1, address_failures=1, seconds_most=0, clock=clock)
    fail(open_to_all, times=50)
    assert wait_for(open_to_all) is None


@given(account=st.text(max_size=300), address=st.text(max_size=60))
def test_whatever_names_and_addresses_look_like_they_are_counted(account, address):
    throttle = Throttle(account_failures=1, clock=lambda: 0.0)
    fail(throttle, account, address, times=2)
    assert wait_for(throttle, account, address) == 1
