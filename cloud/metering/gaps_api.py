"""The gaps among a gateway's batches over HTTP, for operators."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from cloud.fleet import gateways
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.metering.gaps import Fate, gaps


class GapOut(BaseModel):
    """Batches `first` to `last` did not come. `waits`: since later ones did, and they may still come.

    `dropped`: its gateway gave them up at its disk cap and said so, with how many readings were in them.
    """

    epoch: str
    first: int
    last: int
    batches: int
    since: datetime
    fate: Fate
    readings: int | None
    reason: str


def router(database: Database, guard: Guard, clock: Clock) -> Routes:
    routes = Routes(tags=["readings"], responses=RESPONSES)

    @routes.get("/gateways/{id}/gaps")
    def gaps_of(_: Annotated[User, Depends(guard.operator)], id: str) -> list[GapOut]:  # noqa: A002
        """Batches of one gateway that did not come though later ones did, the newest first."""
        with database.read() as connection:
            if not gateways.known(connection, id):
                raise NotFound(f"there is no gateway {id[:64]!r}")
            found = gaps(connection, id, clock.now())
        return [GapOut.model_validate(each, from_attributes=True) for each in found]

    return routes
