"""What rules on equipment know beyond one account, read once a run: peers, weather, areas, needs."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, select

from cloud.customers.file.needs import Need, needs_at
from cloud.customers.store import account_table, service_table
from cloud.insight import weather
from cloud.insight.areas import store as areas
from cloud.insight.areas.tables import day_table as area_table
from cloud.insight.forecast import store as forecasts
from cloud.insight.indicators.months import month_table
from cloud.insight.profile.tables import profile_table
from cloud.kit.days import local_day
from cloud.metering.vee.point_day import Channel
from cloud.tiers import overload
from cloud.tiers.advice.equipment.policy import EquipmentPolicy
from cloud.tiers.axes import Axis
from cloud.tiers.overload import Near, OverloadPolicy
from cloud.tiers.rating.store import standings

YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Sized:
    """Of a class: `sizes` rise, `values` stand beside them; to look among accounts of about the own size."""

    sizes: tuple[float, ...]
    values: NDArray[np.float64]
    rising: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    """The places of the values as they rise: sorted once, so that none of very many groups has to be."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rising", np.argsort(self.values, kind="stable"))

    def near(self, size: float, times: float) -> NDArray[np.float64]:
        """The values from `size` / `times` to `size` × `times`, the asker's own among them; rising."""
        low, high = bisect_left(self.sizes, size / times), bisect_right(self.sizes, size * times)
        return self.values[self.rising[(self.rising >= low) & (self.rising < high)]]


def quartiles(values: NDArray[np.float64]) -> list[float]:
    """Of rising values, as np.quantile has them to the last bit: no NaN, never empty."""
    last = len(values) - 1
    places = [last * share for share in (0.25, 0.5, 0.75)]
    below = [int(place) for place in places]
    found = []
    for place, at in zip(places, below, strict=True):
        low, high = float(values[at]), float(values[min(at + 1, last)])
        part = place - at
        found.append(low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part))
    return found


@dataclass(frozen=True, slots=True)
class Around:
    """`bases` kW of base load by mean kW; `cooling`, `heating` kWh a °C and day by the base's kWh a day.

    `celsius` (days,) from `celsius_first` on, NaN where unknown. `near` by area tomorrow's outlook, `voltage`
    the share of the time within limits; an area that is not there is not known.
    """

    bases: Mapping[str, Sized] = field(default_factory=dict)
    cooling: Mapping[str, Sized] = field(default_factory=dict)
    heating: Mapping[str, Sized] = field(default_factory=dict)
    celsius: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    celsius_first: date = date(1970, 1, 1)
    needs: Mapping[str, frozenset[Need]] = field(default_factory=dict)
    subs: Mapping[str, str] = field(default_factory=dict)
    near: Mapping[str, Near] = field(default_factory=dict)
    voltage: Mapping[str, float] = field(default_factory=dict)

    def degrees(self, first: date, last: date) -> NDArray[np.float64]:
        """(days,) of these days, both included."""
        wanted = (last - first).days + 1
        found = np.full(wanted, np.nan)
        offset = (first - self.celsius_first).days
        low, high = max(0, -offset), min(wanted, len(self.celsius) - offset)
        if low < high:
            found[low:high] = self.celsius[low + offset : high + offset]
        return found


def gather(
    connection: Connection, policy: EquipmentPolicy, near: OverloadPolicy, now: datetime, zone: tzinfo
) -> Around:
    """All that is known now, of all accounts: some queries, whatever the number of accounts."""
    today = local_day(now, zone)
    cooling, heating = _slopes(connection, now)
    first = (today - 2 * YEAR).replace(day=1)
    return Around(
        bases=_bases(connection, today, now),
        cooling=cooling,
        heating=heating,
        celsius=weather.daily(connection, first, today, zone),
        celsius_first=first,
        needs={account: frozenset(found) for account, found in needs_at(connection, now).items()},
        subs=_subs(connection, today),
        near=_near(connection, today + timedelta(days=1), near),
        voltage=_voltage(connection, today, policy.voltage.days),
    )


def _subs(connection: Connection, today: date) -> dict[str, str]:
    """By account its class' sub-tier."""
    found = standings(connection, today, axis=Axis.CLASS)
    return {account: of[Axis.CLASS].sub or "" for account, of in found.items() if Axis.CLASS in of}


def _bases(connection: Connection, today: date, now: datetime) -> dict[str, Sized]:
    """Of the last 12 whole months, a point's mean of each."""
    table = month_table.c
    newest = today.replace(day=1)
    oldest = newest.replace(year=newest.year - 1)
    means = (
        select(table.point, func.avg(table.mean_kw).label("size"), func.avg(table.base_kw).label("value"))
        .where(table.channel == Channel.IMPORT.value, table.month >= oldest, table.month < newest)
        .group_by(table.point)
        .subquery()
    )
    query = _served(select(means.c.size, means.c.value, account_table.c["class"]), means.c.point, now)
    return _sized([(row[2], row[0], row[1]) for row in connection.execute(query)])


def _slopes(connection: Connection, now: datetime) -> tuple[dict[str, Sized], dict[str, Sized]]:
    table = profile_table.c
    query = select(table.temperature, account_table.c["class"]).where(table.temperature.is_not(None))
    rows = [(row[1], row[0] or {}) for row in connection.execute(_served(query, table.point, now))]
    return (
        _sized([(kind, of.get("base_kwh"), of.get("cooling_kwh_per_c")) for kind, of in rows]),
        _sized([(kind, of.get("base_kwh"), of.get("heating_kwh_per_c")) for kind, of in rows]),
    )


def _served(query: Select[Any], point: object, now: datetime) -> Select[Any]:
    """With the account that the point serves now."""
    service = service_table.c
    return (
        query.join(service_table, service.point == point)
        .join(account_table, account_table.c.no == service.account)
        .where(service.start <= now, service.end.is_(None) | (service.end > now))
    )


def _sized(rows: list[tuple[str, float | None, float | None]]) -> dict[str, Sized]:
    of: dict[str, list[tuple[float, float]]] = {}
    for kind, size, value in rows:
        if size is not None and value is not None and size > 0:
            of.setdefault(kind, []).append((size, value))
    return {
        kind: Sized(tuple(size for size, _ in found), np.array([value for _, value in found]))
        for kind, each in of.items()
        if (found := sorted(each))
    }


def _near(connection: Connection, day: date, policy: OverloadPolicy) -> dict[str, Near]:
    found = forecasts.of_kind(connection, forecasts.Kind.TRANSFORMER, day)
    return {each.subject: overload.near(each.subject, day, each, policy) for each in found}


def _voltage(connection: Connection, today: date, back: int) -> dict[str, float]:
    table = area_table.c
    query = (
        select(table.subject, func.avg(table.voltage_rate))
        .where(table.kind == areas.Kind.AREA.value, table.day >= today - timedelta(days=back))
        .where(table.voltage_rate.is_not(None))
        .group_by(table.subject)
    )
    return {area: float(rate) for area, rate in connection.execute(query)}
