"""Who is asking over HTTP: a cookie session or a bearer token, and for a cookie proof that the page was ours.

Routes depend on `guard.user`, `guard.operator` or `guard.scope`; a route with none of them is public.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hmac import compare_digest

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cloud.kit.auth import AT_ONCE, Accounts, Role, Session, SessionKind, User, csrf_token
from cloud.kit.errors import Forbidden, Unauthenticated
from cloud.kit.scope import WHOLE_STATION, Scope

COOKIE = "wattpost_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Guard:
    """`scope_of` says what a customer may see; `secure` cookies travel over https only."""

    accounts: Accounts
    scope_of: Callable[[User], Scope]
    secure: bool = True
    _hashing: CapacityLimiter = field(default_factory=partial(CapacityLimiter, AT_ONCE))

    async def user(self, request: Request) -> User:
        """Who is signed in; Unauthenticated for nobody, Forbidden for a change without proof."""
        found = await self.visitor(request)
        if found is None:
            raise Unauthenticated("sign in first")
        return found

    async def visitor(self, request: Request) -> User | None:
        """Who is signed in, or None; for pages that greet either."""
        credential = presented(request)
        if credential is None:
            return None
        token, kind = credential
        found = await run_in_threadpool(self.accounts.who, token, kind)
        if found and kind is SessionKind.COOKIE and request.method not in SAFE_METHODS:
            await _check_csrf(request, token)
        return found

    async def sign_in(
        self, request: Request, login: str, password: str, kind: SessionKind = SessionKind.COOKIE
    ) -> tuple[User, Session]:
        """As `Accounts.sign_in`, in threads of its own: a flood of guesses keeps no other request waiting."""
        address = request.client.host if request.client else "unknown"
        return await to_thread.run_sync(
            partial(self.accounts.sign_in, login, password, address=address, kind=kind),
            limiter=self._hashing,
        )

    async def operator(self, request: Request) -> User:
        found = await self.user(request)
        if found.role != Role.OPERATOR:
            raise Forbidden("this is for operators")
        return found

    async def scope(self, request: Request) -> Scope:
        found = await self.user(request)
        return await run_in_threadpool(self.sees, found)

    def sees(self, user: User) -> Scope:
        """What this user may see of the readings."""
        return WHOLE_STATION if user.role == Role.OPERATOR else self.scope_of(user)

    def give_cookie(self, response: Response, session: Session, max_age_s: int) -> None:
        response.set_cookie(
            COOKIE,
            session.token,
            max_age=max_age_s,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def take_cookie(self, response: Response) -> None:
        response.delete_cookie(COOKIE, path="/", secure=self.secure, httponly=True, samesite="lax")


def presented(request: Request) -> tuple[str, SessionKind] | None:
    """The token that came with the request; a bearer token goes before a cookie."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip(), SessionKind.BEARER
    cookie = request.cookies.get(COOKIE)
    return (cookie, SessionKind.COOKIE) if cookie else None


def csrf_of(request: Request) -> str:
    """The token a page puts into its forms (`csrf_token`) or its script into `X-CSRF-Token`; else ""."""
    cookie = request.cookies.get(COOKIE)
    return csrf_token(cookie) if cookie else ""


async def _check_csrf(request: Request, token: str) -> None:
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.headers.get("content-type", "").startswith(_FORMS):
        sent = str((await request.form()).get(CSRF_FIELD, ""))
    if not compare_digest((sent or "").encode(), csrf_token(token).encode()):
        raise Forbidden("this page is out of date or not ours: load it again and repeat")
