"""Line loss over HTTP, for operators alone: balances of areas and feeders by day."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from cloud.analysis.loss.states import State as LossState
from cloud.insight.loss import store
from cloud.insight.loss.store import AREA, FEEDER, AreaLoss
from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.kit.guard import Guard
from cloud.kit.paging import AskedDay, Day
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes

LONGEST = timedelta(days=400)


class LossOut(BaseModel):
    """A balance of a day in kWh: null where it cannot be said, and `reason` why.

    `low_kwh` and `high_kwh` bound the loss whatever the unmeasured meters used; `rate` is in parts of supply.
    """

    kind: str
    key: str
    day: date
    feeder: str
    state: str
    reason: str
    supply_kwh: float | None
    sales_kwh: float | None
    loss_kwh: float | None
    low_kwh: float | None
    high_kwh: float | None
    rate: float | None
    points: int
    unmeasured: int
    estimated: float | None
    baseline_kwh: float | None
    z: float | None
    of_areas: int | None


class LossesOut(BaseModel):
    """Of one day: areas with the greatest loss first, and feeders, which are sums of their areas."""

    day: date | None
    areas: list[LossOut]
    feeders: list[LossOut]


def router(database: Database, guard: Guard) -> Routes:
    routes = Routes(tags=["line loss"], responses=RESPONSES, prefix="/load")
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("/losses")
    def losses_of_day(
        _: Operator, day: AskedDay = None, state: LossState | None = None, feeder: str | None = None
    ) -> LossesOut:
        """The balances of a day, without `day` of the newest one."""
        with database.read() as connection:
            of = day or store.newest_day(connection)
            if of is None:
                return LossesOut(day=None, areas=[], feeders=[])
            areas = store.areas(connection, of, state=state, feeder=feeder)
            feeders = [each for each in store.feeders(connection, of) if feeder is None or each.key == feeder]
        return LossesOut(
            day=of, areas=[_loss(each) for each in areas], feeders=[_loss(each) for each in feeders]
        )

    @routes.get("/losses/areas/{area}")
    def of_area(_: Operator, area: str, first: Day, last: Day) -> list[LossOut]:
        """One area's balances, both days included."""
        return _history(AREA, area, first, last)

    @routes.get("/losses/feeders/{feeder}")
    def of_feeder(_: Operator, feeder: str, first: Day, last: Day) -> list[LossOut]:
        """The sums of one feeder's areas, both days included."""
        return _history(FEEDER, feeder, first, last)

    def _history(kind: str, key: str, first: date, last: date) -> list[LossOut]:
        if last < first or last - first > LONGEST:
            raise Invalid(f"first, last: at least one day, at most {LONGEST.days} days")
        with database.read() as connection:
            return [_loss(each) for each in store.history(connection, kind, key, first, last)]

    return routes


def _loss(of: AreaLoss) -> LossOut:
    return LossOut(**{name: getattr(of, name) for name in LossOut.model_fields})
