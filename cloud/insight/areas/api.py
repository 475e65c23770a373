"""The load of areas and feeders over HTTP, for operators alone: it names customers' loads at the peak."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends, Path
from pydantic import BaseModel

from cloud.insight.areas import store
from cloud.insight.areas.store import AreaDay, Kind
from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.kit.guard import Guard
from cloud.kit.paging import After, AskedDay, Day, Limit
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes

LONGEST = timedelta(days=400)
Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]*$")]


class LoadsOut(BaseModel):
    """Of one day, in order of id: null where nothing was reckoned yet; `next` is null on the last page."""

    day: date | None
    items: list[AreaDay]
    next: str | None = None


def router(database: Database, guard: Guard) -> Routes:
    routes = Routes(tags=["load of areas"], responses=RESPONSES, prefix="/load")
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("/areas")
    def areas(_: Operator, day: AskedDay = None, after: After = "", limit: Limit = 100) -> LoadsOut:
        """Coincidence, transformer load, imbalance, voltage of all areas; without `day` of the newest."""
        return _on(Kind.AREA, day, after, limit)

    @routes.get("/areas/{area}")
    def of_area(_: Operator, area: Id, first: Day, last: Day) -> list[AreaDay]:
        """One area's days, both included; days that were not reckoned are left out."""
        return _history(Kind.AREA, area, first, last)

    @routes.get("/feeders")
    def feeders(_: Operator, day: AskedDay = None, after: After = "", limit: Limit = 100) -> LoadsOut:
        """Coincidence of all customers of each feeder, and what its areas drew at its peak."""
        return _on(Kind.FEEDER, day, after, limit)

    @routes.get("/feeders/{feeder}")
    def of_feeder(_: Operator, feeder: Id, first: Day, last: Day) -> list[AreaDay]:
        """One feeder's days, both included; days that were not reckoned are left out."""
        return _history(Kind.FEEDER, feeder, first, last)

    def _on(kind: Kind, day: date | None, after: str, limit: int) -> LoadsOut:
        with database.read() as connection:
            of = day or store.newest_day(connection, kind)
            if of is None:
                return LoadsOut(day=None, items=[])
            found = store.on_day(connection, kind, of, after=after, limit=limit + 1)
        more = found[limit - 1].subject if len(found) > limit else None
        return LoadsOut(day=of, items=found[:limit], next=more)

    def _history(kind: Kind, subject: str, first: date, last: date) -> list[AreaDay]:
        if last < first or last - first > LONGEST:
            raise Invalid(f"first, last: at least one day, at most {LONGEST.days} days")
        with database.read() as connection:
            return store.history(connection, kind, subject, first, last)

    return routes
