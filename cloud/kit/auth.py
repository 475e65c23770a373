"""Who somebody is: users, argon2 passwords, sessions kept on the server; what they may see is a Scope.

No secret has a default, passwords and tokens are stored as hashes only, and a guess costs the guesser time.
"""

import hashlib
import hmac
import re
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud.kit import throttle
from cloud.kit.clock import Clock
from cloud.kit.db import Database, Instant, metadata
from cloud.kit.errors import Conflict, Invalid, NotFound, Unauthenticated
from cloud.kit.scope import WHOLE_STATION, Scope, Window

__all__ = [
    "AT_ONCE",
    "DEAR",
    "WHOLE_STATION",
    "Accounts",
    "Role",
    "Scope",
    "Session",
    "SessionKind",
    "User",
    "Window",
]

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]")
PASSWORD_CHARS = (10, 256)
DEAR = PasswordHash((Argon2Hasher(),))
"""argon2id with 64 MiB and three passes: a tenth of a second for each guess."""
AT_ONCE = 2  # argon2 takes 0.1 s and 64 MiB: guessers may not have the whole machine


class Role(StrEnum):
    OPERATOR = "operator"
    CUSTOMER = "customer"


class SessionKind(StrEnum):
    """A browser's session is good as a cookie only, an API's as a bearer token only."""

    COOKIE = "cookie"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class User:
    login: str
    role: str
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """`token` is shown once, to its owner; `csrf` must come along with every change made by cookie."""

    token: str
    csrf: str
    expires_at: datetime


user_table = Table(
    "user_account",
    metadata,
    Column("login", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("customer", String(64)),
    Column("password_hash", String(255), nullable=False),
    Column("created_at", Instant, nullable=False),
)
session_table = Table(
    "session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("login", ForeignKey("user_account.login", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Index(None, "login"),
)


def csrf_token(token: str) -> str:
    """The session's proof that a form is ours: derived from the session token, so it ends with it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


class Accounts:
    """Users and their sessions in the records database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        session_hours: float = 12.0,
        hasher: PasswordHash = DEAR,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lifetime = timedelta(hours=session_hours)
        self._hasher = hasher
        self._hashing = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = self._hasher.hash(
            secrets.token_urlsafe()
        )  # an unknown user takes as long as a known one

    def add(self, login: str, role: Role, customer: str | None = None, password: str | None = None) -> str:
        """Make a user; the password comes back, made up when none was given."""
        if not LOGIN.fullmatch(login):
            raise Invalid(f"login {login!r}: use 2 to 64 of a-z, 0-9, dot, dash, underscore")
        if (role is Role.CUSTOMER) != (customer is not None):
            raise Invalid("a customer's login names its customer (--customer), an operator's does not")
        password = secrets.token_urlsafe(15) if password is None else checked(password, login)
        row = {
            "login": login,
            "role": role.value,
            "customer": customer,
            "password_hash": self._hasher.hash(password),
            "created_at": self._clock.now(),
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(user_table).values(row))
        except IntegrityError:
            raise Conflict(f"there is a user {login!r} already") from None
        return password

    def set_password(self, login: str, password: str | None = None) -> str:
        """Change a password and end every session of that user; the password comes back."""
        password = secrets.token_urlsafe(15) if password is None else checked(password, login)
        hashed = self._hasher.hash(password)
        with self._database.write() as connection:
            changed = connection.execute(
                update(user_table).where(user_table.c.login == login).values(password_hash=hashed)
            )
            if not changed.rowcount:
                raise NotFound(f"there is no user {login!r}")
            self._revoke(connection, session_table.c.login == login)
        return password

    def sign_in(
        self, login: str, password: str, *, address: str, kind: SessionKind = SessionKind.COOKIE
    ) -> tuple[User, Session]:
        """A new session, or Unauthenticated, or TooMany when this address must wait with this login."""
        login = login.strip().lower()[:64]
        with self._database.write() as connection:
            throttle.attempt(connection, login, address, self._clock.now())
        found = self._known(login)
        with self._hashing:
            right = self._hasher.verify(password[: PASSWORD_CHARS[1]], found[1] if found else self._nobody)
        if not (found and right):
            raise Unauthenticated("login or password is wrong")
        return found[0], self._open(found[0], kind, address)

    def _known(self, login: str) -> tuple[User, str] | None:
        with self._database.read() as connection:
            row = connection.execute(select(user_table).where(user_table.c.login == login)).one_or_none()
        return None if row is None else (User(row.login, row.role, row.customer), row.password_hash)

    def _open(self, user: User, kind: SessionKind, address: str) -> Session:
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        row = {
            "token_hash": _hash(token),
            "login": user.login,
            "kind": kind.value,
            "created_at": now,
            "expires_at": now + self._lifetime,
        }
        with self._database.write() as connection:
            throttle.forget(connection, user.login, address)
            connection.execute(insert(session_table).values(row))
        return Session(token, csrf_token(token), now + self._lifetime)

    def who(self, token: str, kind: SessionKind) -> User | None:
        """Whose session it is; None when it is unknown, ended, or of the other kind."""
        query = (
            select(user_table.c.login, user_table.c.role, user_table.c.customer)
            .join(session_table)
            .where(
                session_table.c.token_hash == _hash(token),
                session_table.c.kind == kind.value,
                session_table.c.revoked_at.is_(None),
                session_table.c.expires_at > self._clock.now(),
            )
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else User(row.login, row.role, row.customer)

    def sign_out(self, token: str) -> None:
        with self._database.write() as connection:
            self._revoke(connection, session_table.c.token_hash == _hash(token))

    def _revoke(self, connection: Connection, which: object) -> None:
        connection.execute(
            update(session_table)
            .where(which, session_table.c.revoked_at.is_(None))  # type: ignore[arg-type]
            .values(revoked_at=self._clock.now())
        )

    def sweep(self) -> None:
        """Forget sessions that ended and failures that no longer delay anybody."""
        now = self._clock.now()
        with self._database.write() as connection:
            connection.execute(delete(session_table).where(session_table.c.expires_at < now - self._lifetime))
            throttle.sweep(connection, now)


def checked(password: str, login: str) -> str:
    """The password, when it is fit to be one."""
    low, high = PASSWORD_CHARS
    if not low <= len(password) <= high:
        raise Invalid(f"a password has {low} to {high} characters")
    if login in password.lower() or len(set(password)) < 5:
        raise Invalid("that password is too easy to guess: use more different characters, and not the login")
    return password


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
