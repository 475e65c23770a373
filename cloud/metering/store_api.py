"""The engine behind the readings over HTTP, for operators: what it holds, and what it refuses."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.paging import AfterId, Limit, Page
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.metering.influx import conflicts
from cloud.metering.influx.facts import facts
from cloud.metering.store import ReadingStore


class StoreOut(BaseModel):
    """`series` and `fields` are counted where the engine can; `crowded`: too many to leave it at that."""

    engine: str
    version: str
    address: str
    series: int | None
    fields: int | None
    crowded: bool
    quarantined: int


class Quarantined(BaseModel):
    """A reading that the engine refuses, as it was sent to it, and the engine's own words."""

    id: int
    gateway: str
    epoch: str
    seq: int
    meter: str
    at_ms: int
    source: str
    line: str
    reason: str
    first_at: datetime
    last_at: datetime
    times: int


def router(database: Database, guard: Guard, store: ReadingStore) -> Routes:
    routes = Routes(tags=["readings"], responses=RESPONSES)

    @routes.get("/store")
    def engine(_: Annotated[User, Depends(guard.operator)]) -> StoreOut:
        """Which engine keeps the readings, and how many series it has to hold."""
        found = facts(store)
        return StoreOut(
            engine=found.engine,
            version=found.version,
            address=found.address,
            series=found.series,
            fields=found.fields,
            crowded=found.crowded,
            quarantined=found.quarantined,
        )

    @routes.get("/quarantine")
    def quarantine(
        _: Annotated[User, Depends(guard.operator)], after: AfterId = None, limit: Limit = 100
    ) -> Page[Quarantined]:
        """Readings that the engine refuses, the newest first; once mended, replay their dead letters."""
        with database.read() as connection:
            rows = conflicts.quarantined(connection, before=after, limit=limit + 1)
        items = [Quarantined.model_validate(row, from_attributes=True) for row in rows[:limit]]
        return Page(items=items, next=str(items[-1].id) if len(rows) > limit else None)

    return routes
