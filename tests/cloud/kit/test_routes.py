"""Routes that are taken apart once are at the addresses, and say what, those who declared them meant."""

import pytest
from fastapi import APIRouter, FastAPI

from cloud.kit.routes import Routes
from tests.clients import TestClient


def nested() -> Routes:
    inner = Routes(prefix="/inner", tags=["in"], responses={409: {"description": "taken"}})

    @inner.get("/{number}")
    async def one(number: int) -> int:
        return number + 1

    outer = Routes(prefix="/outer", tags=["out"], responses={404: {"description": "gone"}})
    outer.include_router(inner)
    return outer


def test_prefix_tags_and_answers_of_every_level_are_kept() -> None:
    app = FastAPI()
    nested().onto(app)
    assert TestClient(app).get("/outer/inner/41").json() == 42
    said = app.openapi()["paths"]["/outer/inner/{number}"]["get"]
    assert said["tags"] == ["out", "in"]
    assert {"404", "409"} < set(said["responses"])


def test_an_application_may_include_them_as_any_router() -> None:
    app = FastAPI()
    app.include_router(nested(), prefix="/there")
    assert TestClient(app).get("/there/outer/inner/1").json() == 2


def test_a_router_whose_routes_would_be_taken_apart_again_is_refused() -> None:
    with pytest.raises(TypeError, match="make it of"):
        Routes().include_router(APIRouter())


def test_what_would_be_at_no_address_is_refused() -> None:
    routes = Routes()
    for declare in (routes.mount, routes.add_route, routes.add_api_websocket_route):
        with pytest.raises(TypeError, match="on the application"):
            declare("/there", FastAPI())
    with pytest.raises(TypeError, match="on the application"):
        routes.websocket("/there")(FastAPI())
