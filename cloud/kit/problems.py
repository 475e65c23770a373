"""Every refusal leaves as problem+json (RFC 9457), with the words a person can act on and nothing else."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from cloud.kit.errors import CloudError, Invalid, TooMany, Unauthenticated

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """RFC 9457. `problems` names each wrong part, one line each."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    problems: list[str] = []


def response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    body = problem.model_dump(exclude_defaults=True) | {"type": problem.type}
    return JSONResponse(body, problem.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Teach `app` to answer with problems only."""
    app.add_exception_handler(CloudError, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(DataError, _misfit)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)


def of(error: CloudError) -> Problem:
    problems = list(error.problems) if isinstance(error, Invalid) else []
    return Problem(title=error.title, status=error.status, detail=str(error), problems=problems)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CloudError)
    headers = {}
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return response(of(error), headers)


async def _unfit(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
    return response(Problem(title="Invalid", status=422, detail=problems[0], problems=problems))


async def _misfit(_: Request, error: Exception) -> JSONResponse:
    log.info("refused by the database: %s", error)
    return response(Problem(title="Invalid", status=422, detail="a value does not fit into its field"))


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers) if error.headers else None
    return response(Problem(title=title, status=error.status_code, detail=str(error.detail)), headers)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return response(Problem(title="Failed", status=500, detail="something went wrong here; it is in the log"))


_EXPLAINED = {
    401: "Nobody is signed in",
    403: "Not for this role, or a change by cookie without the session's CSRF token",
    404: "Not there, or not yours",
    409: "It collides with what is there",
    422: "What was sent is wrong",
    429: "Wait as long as Retry-After says",
}


def explained(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What a route says of its refusals in OpenAPI."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {code: {"description": _EXPLAINED[code], "content": content} for code in codes}


RESPONSES = explained(401, 403, 404, 422)
"""The refusals of a route for those who are signed in."""
