"""How completely meters are read: the collection pages of the console, for operators only."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from cloud.kit.auth import User
from cloud.metering.ledger.gaps import gaps
from cloud.metering.ledger.rates import rates
from cloud.web.pages import Pages
from cloud.web.parts import Parts


def router(parts: Parts, pages: Pages) -> APIRouter:
    routes = APIRouter(prefix="/data")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def overview_page(request: Request, user: Operator) -> Response:
        today = pages.now().astimezone(parts.zone).date()
        with parts.database.read() as connection:
            values: dict[str, Any] = {
                "rates": rates(connection, today, today),
                "gaps": gaps(connection, today),
            }
        values |= {"section": "data", "data_tab": "collection"}
        return pages.page(request, "console/collection.html", user=user, **values)

    return routes
