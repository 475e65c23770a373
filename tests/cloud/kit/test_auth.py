from statistics import median
from threading import Thread
from time import perf_counter

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select

from cloud.kit import throttle
from cloud.kit.auth import Accounts, Role, SessionKind, User, checked, session_table, user_table
from cloud.kit.db import Database
from cloud.kit.errors import CloudError, Conflict, Invalid, NotFound, TooMany, Unauthenticated
from tests.clocks import ManualClock

QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),))
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def accounts(database: Database, clock: ManualClock) -> Accounts:
    return Accounts(database, clock, hasher=QUICK)


def test_the_first_operator_gets_a_password_that_was_made_up_for_them_alone(accounts: Accounts) -> None:
    first, second = accounts.add("head", Role.OPERATOR), accounts.add("second", Role.OPERATOR)
    assert first != second
    assert len(first) >= 20
    user, _ = accounts.sign_in("head", first, address=HERE)
    assert user == User("head", "operator", None)


def test_a_session_is_good_until_it_ends_or_is_ended(accounts: Accounts, clock: ManualClock) -> None:
    password = accounts.add("head", Role.OPERATOR)
    _, first = accounts.sign_in("head", password, address=HERE)
    _, second = accounts.sign_in("head", password, address=HERE)
    assert accounts.who(first.token, SessionKind.COOKIE) == User("head", "operator", None)
    accounts.sign_out(first.token)
    assert accounts.who(first.token, SessionKind.COOKIE) is None
    assert accounts.who(second.token, SessionKind.COOKIE) is not None
    clock.advance(12 * 3600)
    assert accounts.who(second.token, SessionKind.COOKIE) is None


def test_a_bearer_token_is_no_cookie_and_a_cookie_no_bearer_token(accounts: Accounts) -> None:
    password = accounts.add("head", Role.OPERATOR)
    for kind, other in (("cookie", "bearer"), ("bearer", "cookie")):
        _, session = accounts.sign_in("head", password, address=HERE, kind=SessionKind(kind))
        assert accounts.who(session.token, SessionKind(kind)) is not None
        assert accounts.who(session.token, SessionKind(other)) is None


def test_neither_password_nor_token_is_kept(accounts: Accounts, database: Database) -> None:
    password = accounts.add("head", Role.OPERATOR)
    _, session = accounts.sign_in("head", password, address=HERE)
    with database.read() as connection:
        kept = repr([connection.execute(select(table)).all() for table in (user_table, session_table)])
    assert password not in kept
    assert session.token not in kept


def test_a_new_password_ends_every_session_of_that_user(accounts: Accounts) -> None:
    password = accounts.add("head", Role.OPERATOR)
    _, session = accounts.sign_in("head", password, address=HERE)
    accounts.set_password("head", "correct horse battery")
    assert accounts.who(session.token, SessionKind.COOKIE) is None
    with pytest.raises(Unauthenticated):
        accounts.sign_in("head", password, address=HERE)
    accounts.sign_in("head", "correct horse battery", address=HERE)
    with pytest.raises(NotFound):
        accounts.set_password("nobody", "correct horse battery")


def test_an_unknown_login_and_a_wrong_password_are_told_apart_by_nobody(accounts: Accounts) -> None:
    accounts.add("head", Role.OPERATOR)
    told = []
    for login in ("head", "nobody"):
        with pytest.raises(Unauthenticated) as refused:
            accounts.sign_in(login, "wrong", address=HERE)
        told.append(str(refused.value))
    assert told[0] == told[1]


def test_an_unknown_login_takes_as_long_as_a_known_one_and_guessing_is_dear(
    sqlite_url: str, clock: ManualClock
) -> None:
    database = Database(sqlite_url)
    accounts = Accounts(database, clock)
    accounts.add("head", Role.OPERATOR)
    took: dict[str, list[float]] = {"head": [], "nobody": []}
    for turn in range(5):
        for login, seconds in took.items():
            started = perf_counter()
            guess(accounts, 1, f"192.0.2.{turn}", login)
            seconds.append(perf_counter() - started)
    known, unknown = median(took["head"]), median(took["nobody"])
    assert known > 0.02
    assert 0.4 < unknown / known < 2.5
    database.close()


def guess(accounts: Accounts, times: int, address: str = HERE, login: str = "head") -> list[type[CloudError]]:
    refusals: list[type[CloudError]] = []
    for _ in range(times):
        try:
            accounts.sign_in(login, "wrong", address=address)
        except CloudError as refused:
            refusals.append(type(refused))
    return refusals


def test_guessing_gets_slower_for_the_guesser_and_not_for_the_owner_elsewhere(accounts: Accounts) -> None:
    password = accounts.add("head", Role.OPERATOR)
    refusals = guess(accounts, 10)
    assert refusals[: throttle.FREE_TRIES] == [Unauthenticated] * throttle.FREE_TRIES
    assert set(refusals[throttle.FREE_TRIES :]) == {TooMany}
    with pytest.raises(TooMany):
        accounts.sign_in("head", password, address=HERE)
    accounts.sign_in("head", password, address=THERE)


def test_the_delay_is_told_grows_and_ends_with_the_right_password(
    accounts: Accounts, clock: ManualClock
) -> None:
    password = accounts.add("head", Role.OPERATOR)
    guess(accounts, throttle.FREE_TRIES)
    waits = []
    for _ in range(4):
        with pytest.raises(TooMany) as refused:
            accounts.sign_in("head", password, address=HERE)
        waits.append(refused.value.retry_after_s)
        clock.advance(waits[-1])
        guess(accounts, 1)
    assert waits == [2, 4, 8, 16]
    clock.advance(throttle.LONGEST_S)
    accounts.sign_in("head", password, address=HERE)
    assert guess(accounts, 1) == [Unauthenticated]


def test_a_restart_gives_no_new_guesses(accounts: Accounts, database: Database, clock: ManualClock) -> None:
    guess(accounts, throttle.FREE_TRIES)
    assert guess(Accounts(database, clock, hasher=QUICK), 1) == [TooMany]


def test_an_ipv6_guesser_does_not_get_new_guesses_from_the_same_network(accounts: Accounts) -> None:
    guess(accounts, throttle.FREE_TRIES, "2001:db8::1")
    assert guess(accounts, 1, "2001:db8::ffff:2") == [TooMany]
    assert guess(accounts, 1, "2001:db8:0:1::1") == [Unauthenticated]


def test_guesses_made_at_once_are_counted_one_by_one(accounts: Accounts) -> None:
    refusals: list[type[CloudError]] = []
    threads = [Thread(target=lambda: refusals.extend(guess(accounts, 1))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert refusals.count(Unauthenticated) == throttle.FREE_TRIES


def test_sweeping_forgets_ended_sessions_and_old_failures_only(
    accounts: Accounts, database: Database, clock: ManualClock
) -> None:
    password = accounts.add("head", Role.OPERATOR)
    accounts.sign_in("head", password, address=HERE)
    guess(accounts, 1)
    clock.advance(25 * 3600)
    _, alive = accounts.sign_in("head", password, address=THERE)
    accounts.sweep()
    assert accounts.who(alive.token, SessionKind.COOKIE) is not None
    with database.read() as connection:
        assert len(connection.execute(select(session_table)).all()) == 1
        assert connection.execute(select(throttle.failure_table)).all() == []


@pytest.mark.parametrize("login", ["", "x", "Ab", "a b", "-ab", "a" * 65, "ab\n"])
def test_a_login_is_a_plain_word(accounts: Accounts, login: str) -> None:
    with pytest.raises(Invalid):
        accounts.add(login, Role.OPERATOR)


def test_a_customers_login_names_its_customer_and_an_operators_does_not(accounts: Accounts) -> None:
    with pytest.raises(Invalid):
        accounts.add("head", Role.OPERATOR, "C-1")
    with pytest.raises(Invalid):
        accounts.add("guest", Role.CUSTOMER)
    accounts.add("guest", Role.CUSTOMER, "C-1")
    with pytest.raises(Conflict):
        accounts.add("guest", Role.CUSTOMER, "C-1")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "x-headmaster-1", "p" * 300])
def test_a_password_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        checked(password, "headmaster")
