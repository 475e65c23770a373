"""The door: signing in and out, the language switch, and the start page that sends each to their own."""

from typing import Annotated

from fastapi import Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from cloud.customers import store as customers
from cloud.kit.auth import Role, User
from cloud.kit.errors import TooMany, Unauthenticated
from cloud.kit.guard import presented
from cloud.kit.routes import Routes
from cloud.web.language import Words
from cloud.web.pages import LANGUAGE_COOKIE, Pages, back, local
from cloud.web.parts import Parts


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    guard = parts.guard

    @routes.get("/")
    async def start(request: Request) -> Response:
        visitor = await guard.visitor(request)
        return RedirectResponse(home(visitor) if visitor else "/login", 303)

    @routes.get("/login")
    async def door(request: Request, next: str = "") -> Response:  # noqa: A002 - the name in the address
        visitor = await guard.visitor(request)
        if visitor:
            return RedirectResponse(home(visitor), 303)
        return pages.page(request, "login.html", next=local(next, ""), login="", problem=None)

    @routes.post("/login")
    async def enter(
        request: Request,
        login: Annotated[str, Form(max_length=64)],
        password: Annotated[str, Form(max_length=256)],
        next: Annotated[str, Form()] = "",  # noqa: A002
    ) -> Response:
        try:
            user, session = await guard.sign_in(request, login, password)
        except (Unauthenticated, TooMany) as error:
            problem = _refusal(error, pages.words(request))
            return pages.page(
                request,
                "login.html",
                status=error.status,
                next=local(next, ""),
                login=login,
                problem=problem,
            )
        response = RedirectResponse(_after(user, next), 303)
        guard.give_cookie(response, session, parts.session_s)
        if LANGUAGE_COOKIE not in request.cookies and user.customer is not None:
            pages.remember(response, await run_in_threadpool(_language, parts, user.customer))
        return response

    @routes.post("/logout")
    async def leave(request: Request) -> Response:
        credential = presented(request)
        if credential and await guard.visitor(request):
            await run_in_threadpool(parts.accounts.sign_out, credential[0])
        response = RedirectResponse("/login", 303)
        guard.take_cookie(response)
        return response

    @routes.post("/language")
    async def switch(language: Annotated[str, Form()], next: Annotated[str, Form()] = "/") -> Response:  # noqa: A002
        response = back(next)
        pages.remember(response, language)
        return response

    return routes


def home(user: User) -> str:
    return "/console" if user.role == Role.OPERATOR else "/portal"


def _language(parts: Parts, customer: str) -> str:
    """What the customer asked to be spoken to in, until this browser says otherwise."""
    with parts.database.read() as connection:
        return str(customers.customer(connection, customer).language)


def _after(user: User, wanted: str) -> str:
    """Where they wanted to go, when that is theirs."""
    return wanted if local(wanted, "").startswith(home(user)) else home(user)


def _refusal(error: Unauthenticated | TooMany, words: Words) -> str:
    if isinstance(error, TooMany):
        return words.many(
            "Too many wrong passwords. Try again in %(num)s second.",
            "Too many wrong passwords. Try again in %(num)s seconds.",
            error.retry_after_s,
        )
    return words.text("Login or password is wrong.")
