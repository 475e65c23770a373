"""Routes as they are declared: FastAPI takes each apart once, when its whole address is known.

An APIRouter takes a route apart where it is declared, again at each router that includes it, and once more at
the first request.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute


class Routes(APIRouter):
    """An APIRouter that only remembers; `onto` hands everything over. It includes none but its own kind."""

    def __init__(
        self,
        *,
        prefix: str = "",
        tags: list[str | Enum] | None = None,
        responses: dict[int | str, dict[str, Any]] | None = None,
    ) -> None:
        self._declared: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []
        super().__init__(prefix=prefix, tags=tags, responses=responses)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **how: Any) -> None:
        how["tags"] = [*self.tags, *(how.get("tags") or ())]
        how["responses"] = {**self.responses, **(how.get("responses") or {})}
        self._declared.append((self.prefix + path, endpoint, how))

    def include_router(self, router: APIRouter, **how: Any) -> None:
        """Prefix, tags and answers of both; anything else is said where a router is made."""
        if how or not isinstance(router, Routes):
            raise TypeError(f"{router!r} cannot be included so: make it of cloud.kit.routes.Routes")
        for path, endpoint, declared in router._declared:
            self.add_api_route(path, endpoint, **declared)

    def onto(self, app: FastAPI) -> None:
        for path, endpoint, how in self._declared:
            app.router.add_api_route(path, endpoint, **how)

    def _stray(self, *_: Any, **__: Any) -> Any:
        """It would be in the list that is made for whoever asks, and at no address."""
        raise TypeError("only routes of the API are remembered: declare this on the application")

    add_route = add_websocket_route = add_api_websocket_route = mount = host = _stray

    @property
    def routes(self) -> list[BaseRoute]:
        """Made for whoever asks, an application that includes this router as any other."""
        made = APIRouter()
        for path, endpoint, how in self._declared:
            made.add_api_route(path, endpoint, **how)
        return made.routes

    @routes.setter
    def routes(self, _: list[BaseRoute]) -> None:
        """An APIRouter begins with none."""
