"""Indicators of a point over HTTP: operators any, customers their own on days that were wholly theirs."""

import math
from collections.abc import Collection, Mapping
from datetime import date, timedelta, tzinfo
from typing import Annotated

import numpy as np
from fastapi import Depends
from numpy.typing import NDArray
from pydantic import BaseModel

from cloud.insight.indicators import store
from cloud.insight.indicators.months import COLUMNS as MONTH_COLUMNS
from cloud.insight.scoped import whole_days
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, days, local_day
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.kit.guard import Guard
from cloud.kit.paging import AskedDay
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.kit.scope import Scope
from cloud.metering.archive.layout import month_of
from cloud.metering.vee.point_day import Channel

LONGEST = timedelta(days=400)
USUAL = timedelta(days=30)


class DayOut(BaseModel):
    """`values` by name, null where unsaid, and then `why`: no_readings, no_load, fed_in or not_said.

    `coverage` is the share of the day's slots that are known, `estimated` that of estimates among them.
    """

    day: date
    slots: int
    coverage: float
    estimated: float | None
    values: dict[str, float | None]
    why: dict[str, str]


class DaysOut(BaseModel):
    """`units` of each value: kWh, kW, h, slot or 1; slots count from the day's own midnight."""

    point: str
    channel: str
    units: dict[str, str]
    days: list[DayOut]


class MonthOut(BaseModel):
    """`days` were reckoned: fewer than the month has while it goes on."""

    month: date
    days: int
    coverage: float | None
    estimated: float | None
    values: dict[str, float | None]


class MonthsOut(BaseModel):
    point: str
    channel: str
    units: dict[str, str]
    months: list[MonthOut]


def router(database: Database, guard: Guard, zone: tzinfo, clock: Clock) -> Routes:
    routes = Routes(tags=["load"], responses=RESPONSES, prefix="/load/points")

    def asked(first: date | None, last: date | None) -> tuple[date, date]:
        until = last or local_day(clock.now(), zone) - DAY
        since = first or until - USUAL
        if not timedelta(0) <= until - since <= LONGEST:
            raise Invalid(f"from {since} to {until}: at least one day and at most {LONGEST.days}, in order")
        return since, until

    @routes.get("/{point}/days")
    def days_of(
        scope: Annotated[Scope, Depends(guard.scope)],
        point: str,
        first: AskedDay = None,
        last: AskedDay = None,
        channel: Channel = Channel.IMPORT,
    ) -> DaysOut:
        """The daily indicators of a point, of the last 31 days unless others are named."""
        since, until = asked(first, last)
        with database.read() as connection:
            seen = whole_days(connection, scope, point, since, until, zone)
            found = store.days_of(connection, point, since, until, channel)
        rows = zip(found.days, found.values, found.slots.tolist(), strict=True)
        shown = [_day(day, row, slots) for day, row, slots in rows if day in seen]
        return DaysOut(point=point, channel=channel.value, units=_units(), days=shown)

    @routes.get("/{point}/months")
    def months_of(
        scope: Annotated[Scope, Depends(guard.scope)],
        point: str,
        first: AskedDay = None,
        last: AskedDay = None,
        channel: Channel = Channel.IMPORT,
    ) -> MonthsOut:
        """The monthly indicators of a point; the newest month is of its days so far."""
        since, until = asked(first, last)
        start = since.replace(day=1)
        with database.read() as connection:
            seen = whole_days(connection, scope, point, start, month_of(until)[1], zone)
            found = store.months_of(connection, point, start, until, channel)
        shown = [
            _month(month, at, found)
            for at, month in enumerate(found.months)
            if _is_whole(month, seen, local_day(clock.now(), zone))
        ]
        return MonthsOut(point=point, channel=channel.value, units=_month_units(), months=shown)

    return routes


def _is_whole(month: date, seen: Collection[date], today: date) -> bool:
    """A month tells all of its days: of one that is half a stranger's nothing is shown."""
    first, last = month_of(month)
    return all(day in seen for day in days(first, min(last, today - DAY)))


def _day(day: date, row: NDArray[np.float32], slots: int) -> DayOut:
    from cloud.analysis.indicators.daily import INDICATORS

    values = {each.name: _plain(value) for each, value in zip(INDICATORS, row.tolist(), strict=True)}
    known, estimates = values["valid_slots"] or 0.0, values["estimated_slots"]
    return DayOut(
        day=day,
        slots=slots,
        coverage=known / slots,
        estimated=estimates / known if known and estimates is not None else None,
        values=values,
        why={name: _why(values) for name, value in values.items() if value is None},
    )


def _why(values: Mapping[str, float | None]) -> str:
    """Why a value of that day is not there."""
    if not values["valid_slots"]:
        return "no_readings"
    low, high = values["min_kw"], values["max_kw"]
    if low is not None and low < 0:
        return "fed_in"
    return "no_load" if high == 0 else "not_said"


def _month(month: date, at: int, found: store.MonthSeries) -> MonthOut:
    values = {name: _plain(float(found.values[name][at])) for name in MONTH_COLUMNS}
    return MonthOut(
        month=month,
        days=int(found.days[at]),
        coverage=values["coverage"],
        estimated=values["estimated_share"],
        values=values,
    )


def _units() -> dict[str, str]:
    from cloud.analysis.indicators.daily import INDICATORS

    return {each.name: each.unit for each in INDICATORS}


def _month_units() -> dict[str, str]:
    from cloud.analysis.indicators.months import MONTHLY

    return {each.name: each.unit for each in MONTHLY}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
