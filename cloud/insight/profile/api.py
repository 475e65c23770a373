"""Load profiles over HTTP: operators any point and the dictionary, customers what was wholly theirs."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated

import numpy as np
from fastapi import Depends
from numpy.typing import NDArray
from pydantic import BaseModel
from sqlalchemy import Connection

from cloud.analysis.profile.names import ShapeName
from cloud.analysis.profile.temperature import Sensitivity
from cloud.fleet import topology
from cloud.insight.profile import store
from cloud.insight.profile.policy import ProfilePolicy
from cloud.insight.profile.store import Group, Profile, Shape, TypicalDay
from cloud.insight.scoped import whole_days
from cloud.kit.auth import User
from cloud.kit.days import days, local_day
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.kit.guard import Guard
from cloud.kit.paging import AskedDay
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.kit.scope import Scope
from cloud.metering.archive.layout import month_of

_EVER = (topology.BEGINNING, datetime.max.replace(tzinfo=UTC))
FEWEST = 10
"""A group of fewer customers is not shown: it would say who they are."""


class TypicalOut(BaseModel):
    """A day that was, `kw` by slots of the wall clock."""

    day: date
    kw: list[float | None]


class NameOut(BaseModel):
    key: str
    number: int
    zh: str
    en: str


class GroupOut(BaseModel):
    """`share` of the month's `days` that have a shape; `entropy` in bits: 0 is every day alike."""

    month: date
    code: int | None
    name: NameOut | None
    share: float | None
    entropy: float | None
    days: int


class SensitivityOut(BaseModel):
    """kWh a day per °C; `reason` says why there is none: no_weather, too_few_days, no_gain."""

    days: int
    heating_kwh_per_c: float | None
    cooling_kwh_per_c: float | None
    heating_below_c: float | None
    cooling_above_c: float | None
    base_kwh: float | None
    day_off_kwh: float | None
    r2: float | None
    gain: float | None
    reason: str | None


class ProfileOut(BaseModel):
    """`ready` is false, and all else null, while there is none of days that were wholly the asker's."""

    point: str
    ready: bool
    month: date | None = None
    at: datetime | None = None
    first: date | None = None
    last: date | None = None
    valid_days: int | None = None
    provisional: bool | None = None
    coverage: float | None = None
    estimated: float | None = None
    work: TypicalOut | None = None
    off: TypicalOut | None = None
    max_day: date | None = None
    mean_day: date | None = None
    base_kw: float | None = None
    peak_kw: float | None = None
    temperature: SensitivityOut | None = None
    group: GroupOut | None = None
    since: date | None = None
    groups: list[GroupOut] = []


class ShapeOut(BaseModel):
    """`suppressed`: fewer than ten customers have it, so neither how many nor which curve is told."""

    code: int
    name: NameOut
    since: date
    retired: date | None
    suppressed: bool
    customers: int | None
    share: float | None
    curve: list[float] | None


class ShapesOut(BaseModel):
    """Of a month; `stability` is the mean adjusted Rand index of refits on half of the days."""

    month: date
    at: datetime
    days: int
    points: int
    stability: float | None
    explained: float | None
    within_theta: float | None
    theta: float
    shapes: list[ShapeOut]


def router(database: Database, guard: Guard, zone: tzinfo, policy: ProfilePolicy) -> Routes:
    routes = Routes(tags=["load"], responses=RESPONSES, prefix="/load")

    @routes.get("/points/{point}/profile")
    def profile(scope: Annotated[Scope, Depends(guard.scope)], point: str) -> ProfileOut:
        """The newest profile of a point."""
        with database.read() as connection:
            whole_days(connection, scope, point, date(2000, 1, 1), date(2000, 1, 1), zone)
            found = store.profile(connection, point, provisional_days=policy.provisional_days)
            return _seen(connection, scope, point, found, zone, policy)

    @routes.get("/shapes")
    def shapes(_: Annotated[User, Depends(guard.operator)], month: AskedDay = None) -> ShapesOut:
        """The dictionary of shapes of a month, or the newest, with how many customers have each."""
        with database.read() as connection:
            found = store.dictionary(connection, None if month is None else month.replace(day=1))
        if found is None:
            raise NotFound(
                "there is no dictionary of shapes yet" if month is None else f"none of {month:%Y-%m}"
            )
        return ShapesOut(
            month=found.month,
            at=found.at,
            days=found.days,
            points=found.points,
            stability=found.stability,
            explained=found.explained,
            within_theta=found.within_theta,
            theta=found.theta,
            shapes=[_shape(each) for each in found.shapes],
        )

    return routes


def _seen(
    connection: Connection,
    scope: Scope,
    point: str,
    found: Profile | None,
    zone: tzinfo,
    policy: ProfilePolicy,
) -> ProfileOut:
    """What was made of days that are all within the scope; the rest is as if it were not there."""
    if found is None:
        return ProfileOut(point=point, ready=False)
    oldest = min((each.month for each in found.groups), default=found.first)
    reach = found.last - timedelta(days=max(policy.temperature_days, policy.window_days) - 1)
    mine = whole_days(connection, scope, point, min(oldest, reach), found.last, zone)
    stood = topology.installations(connection, *_EVER, points=[point])
    begun = min((local_day(each.start, zone) for each in stood), default=reach)

    def whole(first: date, last: date) -> bool:
        return all(day in mine for day in days(max(first, begun), last))

    groups = [each for each in found.groups if whole(each.month, min(month_of(each.month)[1], found.last))]
    if not whole(found.first, found.last):
        return ProfileOut(point=point, ready=False, groups=[_group(each) for each in groups])
    newest = groups[0] if groups and groups[0].month == found.month else None
    shown = {each.month for each in groups}
    return ProfileOut(
        point=point,
        ready=True,
        month=found.month,
        at=found.at,
        first=found.first,
        last=found.last,
        valid_days=found.valid_days,
        provisional=found.provisional,
        coverage=found.coverage,
        estimated=found.estimated,
        work=_typical(found.work),
        off=_typical(found.off),
        max_day=found.max_day,
        mean_day=found.mean_day,
        base_kw=found.base_kw,
        peak_kw=found.peak_kw,
        temperature=_temperature(found.temperature) if whole(reach, found.last) else None,
        group=None if newest is None else _group(newest),
        since=found.since if found.since in shown else None,
        groups=[_group(each) for each in groups],
    )


def _typical(found: TypicalDay | None) -> TypicalOut | None:
    return None if found is None else TypicalOut(day=found.day, kw=_plain(found.kw))


def _temperature(found: Sensitivity | None) -> SensitivityOut | None:
    if found is None:
        return None
    return SensitivityOut(**{name: getattr(found, name) for name in SensitivityOut.model_fields})


def _group(found: Group) -> GroupOut:
    return GroupOut(
        month=found.month,
        code=found.code,
        name=None if found.name is None else _name(found.name),
        share=found.share,
        entropy=found.entropy,
        days=found.days,
    )


def _name(found: ShapeName) -> NameOut:
    return NameOut(key=found.key, number=found.number, zh=found.said("zh_CN"), en=found.said("en"))


def _shape(found: Shape) -> ShapeOut:
    few = found.customers < FEWEST
    return ShapeOut(
        code=found.code,
        name=_name(found.name),
        since=found.since,
        retired=found.retired,
        suppressed=few,
        customers=None if few else found.customers,
        share=None if few else found.share,
        curve=None if few else [float(each) for each in found.centre],
    )


def _plain(values: NDArray[np.float32]) -> list[float | None]:
    return [None if np.isnan(each) else float(each) for each in values]
