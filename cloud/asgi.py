"""The service's face: the API under /api/v1, the pages beside it, one shield around both."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from cloud.kit import problems
from cloud.kit.guard import COOKIE, CSRF_HEADER
from cloud.kit.routes import Routes
from cloud.kit.shield import Shield

API = "/api/v1"
PUBLIC = frozenset({"/login", "/healthz", "/readyz"})
TAGS = [
    {"name": "access", "description": "Signing in and out"},
    {"name": "fleet", "description": "Areas, gateways, meters"},
    {"name": "readings", "description": "Newest values and their course, within what one may see"},
    {"name": "alerts", "description": "What is wrong, inferred from the readings; and the notices about it"},
    {"name": "work orders", "description": "Who mends it, and until when"},
    {"name": "state", "description": "Whether this service is alive and ready"},
]


class Alive(BaseModel):
    status: str = "alive"


class Ready(BaseModel):
    """`lacking` names each part that does not work now."""

    ready: bool
    lacking: list[str] = []


def build(
    api: FastAPI,
    site: ASGIApp | None,
    *,
    secure: bool,
    start: Callable[[], None],
    stop: Callable[[], None],
) -> Starlette:
    """`start` and `stop` are called when the server does."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(start)
        try:
            yield
        finally:
            await run_in_threadpool(stop)

    mounts = [Mount(API, api)]
    if site is not None:
        mounts.append(Mount("", site))
    return Starlette(routes=mounts, lifespan=lifespan, middleware=[Middleware(Shield, secure=secure)])


def api(routers: Sequence[Routes], lacking: Callable[[], list[str]]) -> FastAPI:
    """The API alone; its description is /api/v1/openapi.json, and needs no foreign server to be read.

    `lacking` says what keeps the service from being ready.
    """
    app = FastAPI(title="wattpost", version="1", docs_url=None, redoc_url=None, openapi_tags=TAGS)
    for router in (*routers, state(lacking)):
        router.onto(app)
    problems.install(app)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def state(lacking: Callable[[], list[str]]) -> Routes:
    routes = Routes(tags=["state"])

    @routes.get("/healthz")
    async def healthz() -> Alive:
        """The process answers."""
        return Alive()

    @routes.get("/readyz", responses={503: {"model": Ready, "description": "A part does not work now"}})
    def readyz(response: Response) -> Ready:
        """Every part works: database, readings, broker link."""
        missing = lacking()
        response.status_code = 503 if missing else 200
        return Ready(ready=not missing, lacking=missing)

    return routes


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary="Metering and service of a power supply station",
            routes=app.routes,
            tags=app.openapi_tags,
            servers=[{"url": API}],
        )
        schema["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "cookie": {
                "type": "apiKey",
                "in": "cookie",
                "name": COOKIE,
                "description": f"changes also need {CSRF_HEADER}, which /login and /me give",
            },
        }
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path in PUBLIC else [{"bearer": []}, {"cookie": []}]
        app.openapi_schema = schema
    return app.openapi_schema
