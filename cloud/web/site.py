"""All pages as one application, mounted beside the API: it answers people, in HTML, in their language."""

import logging
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cloud.kit.errors import CloudError, TooMany, Unauthenticated
from cloud.web import console, door, portal
from cloud.web.language import mark
from cloud.web.pages import Assets, Pages, here
from cloud.web.parts import Parts

log = logging.getLogger(__name__)

PROBLEMS = {
    403: (
        mark("Not for you"),
        mark("This page is not for your login, or it was open for too long: load it again."),
    ),
    404: (mark("Not found"), mark("This page is not there, or not yours.")),
    409: (
        mark("Changed meanwhile"),
        mark("Somebody changed this before you: go back and load the page again."),
    ),
    422: (mark("Not understood"), mark("Something in the form is missing or wrong: go back and mend it.")),
    429: (mark("Too many attempts"), mark("Wait a little and try again.")),
}
PROBLEMS[405] = PROBLEMS[404]
FAILED = (
    mark("Something went wrong here"),
    mark("It is written in the station's log. Try again in a minute."),
)


def site(parts: Parts) -> FastAPI:
    """Mount it last, at "": its paths are /, /login, /logout, /language, /console, /portal and /static."""
    app = FastAPI(title=parts.station, openapi_url=None, docs_url=None, redoc_url=None)
    pages = Pages(parts.station, parts.zone, parts.clock, parts.language)
    door.router(parts, pages).onto(app)
    console.router(parts, pages).onto(app)
    portal.router(parts, pages).onto(app)
    app.mount("/static", Assets())
    _teach_refusals(app, pages)
    return app


def _teach_refusals(app: FastAPI, pages: Pages) -> None:
    def answer(request: Request, status: int, headers: dict[str, str] | None = None) -> HTMLResponse:
        words = pages.words(request)
        heading, detail = (words.text(text) for text in PROBLEMS.get(status, FAILED))
        response = pages.page(request, "problem.html", status=status, heading=heading, detail=detail)
        response.headers.update(headers or {})
        return response

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, CloudError)
        if isinstance(error, Unauthenticated):
            return _to_the_door(request)
        wait = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooMany) else None
        return answer(request, error.status, wait)

    async def unfit(request: Request, _: Exception) -> Response:
        return answer(request, 422)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, error.status_code)

    async def failed(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(request, 500)

    app.add_exception_handler(CloudError, refused)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(DataError, unfit)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, failed)


def _to_the_door(request: Request) -> Response:
    """To the sign-in and back; a partial refresh is told to load the whole page instead."""
    if request.headers.get("HX-Request"):
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    came_from = here(request) if request.method == "GET" else "/"
    return RedirectResponse(f"/login?next={quote(came_from)}", 303)
