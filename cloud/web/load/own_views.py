"""A customer's own use in plain words: when it is high, how it compares with their own month before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from sqlalchemy import Connection, func, select

from cloud.insight.forecast.store import Forecast
from cloud.insight.indicators import months
from cloud.insight.indicators.store import DaySeries
from cloud.insight.profile.store import Group, Profile, TypicalDay
from cloud.insight.profile.tables import group_table
from cloud.web.language import Words, mark
from cloud.web.load import forecast_views, profile_views
from cloud.web.load.figures import Figure, figure, over_a_day
from cloud.web.load.plot import Series
from cloud.web.load.quality import PUBLISHED, percent
from cloud.web.load.served import Served

LEAST_OTHERS = 10
"""Others are shown only where they are so many: fewer would say what a neighbour uses."""
HISTORY = timedelta(days=60)
"""A forecast looks so far back: before that long a service it would speak of who was there before."""
DAYS = 30
PARTS = (
    (0, 6, mark("in the night")),
    (6, 11, mark("in the morning")),
    (11, 14, mark("around noon")),
    (14, 18, mark("in the afternoon")),
    (18, 22, mark("in the evening")),
    (22, 24, mark("late in the evening")),
)


@dataclass(frozen=True, slots=True)
class Own:
    """Everything the page says of one point."""

    point: str
    since: date
    sum: profile_views.Summary
    lead: str
    typical: Figure | None
    compared: str
    others: str
    tomorrow: forecast_views.Day | None
    honest: str


def cut(series: DaySeries, served: Served) -> DaySeries:
    """Only the days that were wholly the account's."""
    keep = np.array([served.first <= day <= served.last for day in series.days], bool)
    days = tuple(day for day, yes in zip(series.days, keep, strict=True) if yes)
    return DaySeries(days, series.values[keep], series.slots[keep])


def own_days(found: Profile | None, served: Served) -> list[tuple[str, TypicalDay]]:
    """The typical days that were the account's own."""
    if found is None:
        return []
    days = ((mark("working day"), found.work), (mark("day off"), found.off))
    return [(name, day) for name, day in days if day is not None and served.holds(day.day, day.day)]


def own_group(found: Profile | None, served: Served) -> Group | None:
    """The newest month's group that was wholly of the account's days."""
    groups = found.groups if found else ()
    return next((each for each in groups if served.first <= each.month), None)


def lead(days: Sequence[tuple[str, TypicalDay]], group: Group | None, words: Words) -> str:
    """In one or two sentences: when use is highest, and how alike the days are."""
    if not days:
        return ""
    _, day = days[0]
    top = int(np.nanargmax(day.kw))
    hour = top * 24 / len(day.kw)
    part = next(name for first, until, name in PARTS if first <= hour < until)
    at = f"{int(hour):02}:{int(hour % 1 * 60):02}"
    said = [words.text("You use most %(part)s, around %(time)s.", part=words.text(part), time=at)]
    if group is not None and group.entropy is not None:
        said.append(words.text(_alike(group.entropy)))
    return (" " if words.language == "en" else "").join(said)


def _alike(entropy: float) -> str:
    if entropy < 1.0:
        return mark("Your days are much alike.")
    if entropy < 2.2:
        return mark("You have a few kinds of day.")
    return mark("Hardly two of your days are alike.")


def typical(days: Sequence[tuple[str, TypicalDay]], words: Words) -> Figure | None:
    if not days:
        return None
    count = len(days[0][1].kw)
    lines = [
        Series(f"{words.text(name)} ({words.day(day.day)})", profile_views.plain(day.kw), look)
        for (name, day), look in zip(days, "ab", strict=False)
        if len(day.kw) == count
    ]
    said = [
        words.text(
            "%(name)s: at most %(kw)s kW, at least %(low)s kW.",
            name=words.text(name),
            kw=words.number(float(np.nanmax(day.kw)), 2),
            low=words.number(float(np.nanmin(day.kw)), 2),
        )
        for name, day in days
    ]
    return figure(over_a_day(count, lines, "kW"), (" " if words.language == "en" else "").join(said))


def compared(now: DaySeries, before: DaySeries, words: Words) -> str:
    """The last 30 days against the 30 before, both read nearly whole; nothing where that is not so."""
    values = [_per_day(each) for each in (now, before)]
    if values[0] is None or values[1] is None:
        return ""
    mine, then = values[0], values[1]
    if then < 0.05:
        return ""
    change = (mine - then) / then
    numbers = {"percent": percent(abs(change), words), "kwh": words.number(then, 1)}
    if abs(change) < 0.03:
        return words.text("About as much a day as in the 30 days before (%(kwh)s kWh).", **numbers)
    if change < 0:
        return words.text("%(percent)s less a day than in the 30 days before (%(kwh)s kWh).", **numbers)
    return words.text("%(percent)s more a day than in the 30 days before (%(kwh)s kWh).", **numbers)


def _per_day(series: DaySeries) -> float | None:
    energy = profile_views.column(series, "energy_kwh")
    valid = profile_views.column(series, "valid_slots")
    whole = np.isfinite(energy) & (valid >= PUBLISHED * series.slots)
    return float(energy[whole].mean()) if whole.sum() >= 0.8 * DAYS else None


def others(connection: Connection, point: str, group: Group | None, words: Words) -> str:
    """How much those use whose days look alike, the middle one of them; nothing under ten others."""
    if group is None or group.code is None:
        return ""
    table = group_table.c
    alike = (table.month == group.month, table.code == group.code, table.point != point)
    count = connection.scalar(select(func.count()).select_from(group_table).where(*alike)) or 0
    if count < LEAST_OTHERS:
        return ""
    points = [*connection.scalars(select(table.point).where(*alike)), point]
    found = months.month_rows(connection, group.month, points)
    a_day = found.values["mean_kw"] * 24
    place = found.points.index(point) if point in found.points else None
    known = np.isfinite(a_day)
    rest = known & (np.arange(len(a_day)) != (-1 if place is None else place))
    if place is None or not known[place] or rest.sum() < LEAST_OTHERS:
        return ""
    return words.text(
        "In %(month)s you used %(mine)s kWh a day; the middle one of %(count)s customers with days like "
        "yours used %(theirs)s kWh.",
        month=group.month.strftime("%Y-%m"),
        mine=words.number(float(a_day[place]), 1),
        count=int(rest.sum()),
        theirs=words.number(float(np.median(a_day[rest])), 1),
    )


def allowed(found: Forecast | None, served: Served) -> Forecast | None:
    """A forecast that speaks of nobody else's days, and says something."""
    if found is None or not served.still or found.closed - HISTORY < served.first:
        return None
    return found if np.isfinite(found.p50).any() else None


def expected(found: Forecast, words: Words) -> forecast_views.Day:
    """The day to come: bounds of its slots added up are wider than the day's own, so it says at least."""
    named = (mark("in eight of ten cases"), mark("likely load"))
    day = forecast_views.day(found.day, forecast_views.curves(found), words, named=named)
    said = words.text(
        "%(kwh)s kWh are likely, between %(low)s and %(high)s kWh in at least eight of ten cases; most about "
        "%(time)s.",
        kwh=words.number(day.kwh, 1),
        low=words.number(day.low_kwh, 1),
        high=words.number(day.high_kwh, 1),
        time=day.peak_at,
    )
    return replace(day, figure=replace(day.figure, said=said))


def honest(found: Forecast, words: Words) -> str:
    if found.figures.wape is None:
        return words.text("How good such a forecast is for you cannot be said yet.")
    return words.text(
        "For you such forecasts were off by %(wape)s of a quarter-hour's use on average in the last "
        "%(days)s days.",
        wape=percent(found.figures.wape, words),
        days=found.figures.days,
    )
