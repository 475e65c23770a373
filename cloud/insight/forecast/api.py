"""Forecasts over HTTP, each with what it was worth: operators all, customers their own points.

A customer sees a forecast only where every day that it stands on was theirs: it would tell the old tenant's
habits otherwise. Values are of the day's real slots in order of time, 92, 96 or 100 of them.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated

import numpy as np
from fastapi import Depends
from numpy.typing import NDArray
from pydantic import BaseModel
from sqlalchemy import Connection

from cloud.analysis.forecast.figures import Figures
from cloud.analysis.grid import day_grid
from cloud.fleet import topology
from cloud.insight.curves import QUARTER_S
from cloud.insight.forecast import store
from cloud.insight.forecast.policy import ForecastPolicy
from cloud.insight.forecast.store import Forecast, Kind, Method, Reason
from cloud.insight.scoped import whole_days
from cloud.kit.auth import User
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, days, local_day, midnight
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.paging import AskedDay
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.kit.scope import Scope
from cloud.metering.archive.layout import span_ms

_EVER = (topology.BEGINNING, datetime.max.replace(tzinfo=UTC))


class FiguresOut(BaseModel):
    """Of `days` scored days; null where nothing was measured or all was zero. Shares are of the truth."""

    days: int
    wape: float | None
    mase: float | None
    pinball_kw: float | None
    coverage: float | None
    bias: float | None
    peak_error: float | None
    peak_shift_min: float | None


class OutlookOut(BaseModel):
    """β is power over capacity; `reason` says why nothing can be said: no_capacity, no_forecast."""

    capacity_kva: float | None
    power_factor: float
    assumed_power_factor: bool
    peak_beta_p50: float | None
    peak_beta_p90: float | None
    heavy_probability: float | None
    over_probability: float | None
    heavy_hours: float | None
    over_hours: float | None
    reason: str | None


class Summary(BaseModel):
    """`method` and `reason`: who spoke and why; `figures` of what was issued in four weeks, `similar` of the
    plain similar days in the same, `holidays` of what was issued for holidays of a year."""

    subject: str
    day: date
    made_at: datetime
    known_until: date
    method: Method
    reason: Reason
    peak_kw: float | None
    peak_at: datetime | None
    energy_kwh: float | None
    similar_days: int
    estimated_share: float
    figures: FiguresOut
    similar: FiguresOut
    holidays: FiguresOut
    outlook: OutlookOut | None


class ForecastOut(Summary):
    """`start` is the first slot's; P10 to P90 holds eight days of ten, as `figures.coverage` shows."""

    start: datetime
    interval_s: int
    p10_kw: list[float | None]
    p50_kw: list[float | None]
    p90_kw: list[float | None]


class Forecasts(BaseModel):
    day: date
    items: list[Summary]


def router(
    database: Database, guard: Guard, zone: tzinfo, policy: ForecastPolicy, calendar: Calendar, clock: Clock
) -> Routes:
    """`day` is today where it is not said, in the station's time."""
    routes = Routes(tags=["load"], responses=RESPONSES, prefix="/load/forecast")

    def wanted(day: date | None) -> date:
        return day or local_day(clock.now(), zone)

    @routes.get("/points/{point}")
    def of_point(
        scope: Annotated[Scope, Depends(guard.scope)], point: str, day: AskedDay = None
    ) -> ForecastOut:
        """A metering point's day ahead."""
        with database.read() as connection:
            if not whole_days(connection, scope, point, wanted(day), wanted(day), zone):
                raise NotFound(f"no metering point {point} of yours on {wanted(day)}")
            festive = _holidays(calendar, wanted(day))
            if scope.windows is not None:
                mine = whole_days(connection, scope, point, festive[0], festive[-1], zone) if festive else ()
                festive = [each for each in festive if each in mine]
            found = _one(connection, Kind.POINT, point, wanted(day), festive)
            if not _theirs(connection, scope, found, zone, policy):
                raise NotFound("a forecast stands on weeks that were not all yours")
        return _out(found, zone)

    for kind, plural in ((Kind.AREA, "areas"), (Kind.TRANSFORMER, "transformers"), (Kind.FEEDER, "feeders")):
        _add(routes, kind, plural, database, guard, zone, calendar, wanted)
    return routes


def _add(
    routes: Routes, kind: Kind, plural: str, database: Database, guard: Guard, zone: tzinfo,
    calendar: Calendar, wanted: Callable[[date | None], date],
) -> None:  # fmt: skip
    def of_all(_: Annotated[User, Depends(guard.operator)], day: AskedDay = None) -> Forecasts:
        """All of a kind on a day, without their curves."""
        with database.read() as connection:
            found = store.of_kind(connection, kind, wanted(day), holidays=_holidays(calendar, wanted(day)))
        return Forecasts(day=wanted(day), items=[_summary(each, zone) for each in found])

    def of_one(
        _: Annotated[User, Depends(guard.operator)], subject: str, day: AskedDay = None
    ) -> ForecastOut:
        """One of them with its curve."""
        with database.read() as connection:
            festive = _holidays(calendar, wanted(day))
            return _out(_one(connection, kind, subject, wanted(day), festive), zone)

    routes.get(f"/{plural}", name=f"forecasts of {plural}")(of_all)
    routes.get(f"/{plural}/{{subject}}", name=f"forecast of {plural}")(of_one)


def _one(connection: Connection, kind: Kind, subject: str, day: date, festive: list[date]) -> Forecast:
    found = store.newest(connection, kind, subject, day, holidays=festive)
    if found is None:
        raise NotFound(f"there is no forecast of {subject} for {day}")
    return found


def _holidays(calendar: Calendar, day: date) -> list[date]:
    return [each for each in days(day - timedelta(days=store.HOLIDAY_DAYS), day) if calendar.holiday(each)]


def _theirs(
    connection: Connection, scope: Scope, found: Forecast, zone: tzinfo, policy: ForecastPolicy
) -> bool:
    """Whether all that it was made of, and its figures, was measured in the asker's time."""
    if scope.windows is None:
        return True
    from cloud.insight.forecast.actions import HISTORY_DAYS

    reach = HISTORY_DAYS + policy.backtest.days
    stood = topology.installations(connection, *_EVER, points=[found.subject])
    begun = min((local_day(each.start, zone) for each in stood), default=found.day)
    first = max(found.closed - DAY * reach, begun)
    mine = whole_days(connection, scope, found.subject, first, found.closed, zone)
    return all(day in mine for day in days(first, found.closed))


def _out(found: Forecast, zone: tzinfo) -> ForecastOut:
    labels = _labels(found.day, zone)
    p10, p50, p90 = (_plain(each) for each in found.on(labels))
    return ForecastOut(
        **_summary(found, zone).model_dump(),
        start=midnight(found.day, zone), interval_s=QUARTER_S, p10_kw=p10, p50_kw=p50, p90_kw=p90,
    )  # fmt: skip


def _summary(found: Forecast, zone: tzinfo) -> Summary:
    kw = found.on(_labels(found.day, zone))[1]
    known = not np.isnan(kw).all()
    at = midnight(found.day, zone) + timedelta(seconds=QUARTER_S * int(np.nanargmax(kw))) if known else None
    return Summary(
        subject=found.subject, day=found.day, made_at=found.made_at, known_until=found.closed,
        method=found.method, reason=found.reason, peak_kw=float(np.nanmax(kw)) if known else None, peak_at=at,
        energy_kwh=float(kw.sum() * QUARTER_S / 3600) if not np.isnan(kw).any() else None,
        similar_days=found.similar_days, estimated_share=found.estimated_share,
        figures=_figures(found.figures), similar=_figures(found.similar), holidays=_figures(found.holidays),
        outlook=None if found.outlook is None else OutlookOut(**asdict(found.outlook)),
    )  # fmt: skip


def _labels(day: date, zone: tzinfo) -> NDArray[np.int64]:
    start, end = span_ms(day, day, zone)
    return day_grid(np.arange(start, end, QUARTER_S * 1000, dtype=np.int64), QUARTER_S, zone).label


def _figures(found: Figures) -> FiguresOut:
    return FiguresOut(**asdict(found))


def _plain(values: NDArray[np.float32]) -> list[float | None]:
    return [None if np.isnan(each) else round(float(each), 4) for each in values]
