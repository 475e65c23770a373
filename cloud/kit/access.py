"""Signing in and out over the API: by cookie for a browser's script, by bearer token for a program."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from cloud.kit.auth import PASSWORD_CHARS, Role, SessionKind, User
from cloud.kit.errors import Unauthenticated
from cloud.kit.guard import Guard, csrf_of, presented
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    login: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")
    password: str = Field(min_length=1, max_length=PASSWORD_CHARS[1])
    kind: SessionKind = SessionKind.COOKIE


class SignedIn(BaseModel):
    """`token` only for a bearer session; `csrf` goes into X-CSRF-Token with every change made by cookie."""

    login: str
    role: Role
    customer: str | None
    expires_at: datetime
    token: str | None = None
    csrf: str | None = None


class Me(BaseModel):
    login: str
    role: Role
    customer: str | None
    csrf: str | None = None


def router(guard: Guard, session_s: int) -> Routes:
    routes = Routes(tags=["access"])

    @routes.post("/login", responses=explained(401, 422, 429))
    async def sign_in(request: Request, response: Response, body: Credentials) -> SignedIn:
        """Open a session: the cookie `wattpost_session`, or a token to send as `Authorization: Bearer`."""
        user, session = await guard.sign_in(request, body.login, body.password, body.kind)
        given = SignedIn(
            login=user.login, role=Role(user.role), customer=user.customer, expires_at=session.expires_at
        )
        if body.kind is SessionKind.BEARER:
            return given.model_copy(update={"token": session.token})
        guard.give_cookie(response, session, session_s)
        return given.model_copy(update={"csrf": session.csrf})

    @routes.post("/logout", status_code=204, responses=RESPONSES)
    async def sign_out(request: Request, response: Response, _: Annotated[User, Depends(guard.user)]) -> None:
        """End this session for good."""
        credential = presented(request)
        if credential is None:
            raise Unauthenticated("sign in first")
        await run_in_threadpool(guard.accounts.sign_out, credential[0])
        guard.take_cookie(response)

    @routes.get("/me", responses=RESPONSES)
    async def me(request: Request, user: Annotated[User, Depends(guard.user)]) -> Me:
        """Who is signed in."""
        return Me(
            login=user.login, role=Role(user.role), customer=user.customer, csrf=csrf_of(request) or None
        )

    return routes
