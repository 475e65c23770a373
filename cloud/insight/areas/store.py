"""The load of areas and feeders day by day, as it was reckoned last; operators only.

It names customers' loads at the peak: no notice, log or customer's page may show it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from cloud.insight.areas.tables import day_table

_CHUNK = 300


class Kind(StrEnum):
    AREA = "area"
    FEEDER = "feeder"


class Reason(StrEnum):
    """Why a figure is not there."""

    NO_CUSTOMERS = "no_customers"
    FEW_DATA = "few_data"
    """Too little of the time is known to publish it."""
    NO_LOAD = "no_load"
    """Nothing was drawn: 0/0."""
    NO_CAPACITY = "no_capacity"
    """The registry does not know the transformer's capacity."""
    NO_AREA_METER = "no_area_meter"
    NO_GAUGES = "no_gauges"
    """No voltages or currents were read."""
    LIGHT_LOAD = "light_load"
    """Never above the load from which imbalance is judged."""
    UNKNOWN_LEVEL = "unknown_level"
    """The voltages fit no level of the policy."""


class State(StrEnum):
    """Of a spell of the transformer."""

    LIGHT = "light"
    HEAVY = "heavy"
    OVER = "over"


class PowerFactor(StrEnum):
    """Where the reactive power of the load rate comes from."""

    MEASURED = "measured"
    LAST_KNOWN = "last_known"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a customer (or, of a feeder, an area) drew at the peak; `factor` is that over its own maximum."""

    subject: str
    kw: float
    share: float
    factor: float


@dataclass(frozen=True, slots=True)
class Spell:
    """[start, end) above (light: below) the limit without a break; energy is what lay beyond the limit, in
    kVAh; `top` those customers that drew most at its peak."""

    state: State
    start: datetime
    end: datetime
    peak_rate: float
    peak_at: datetime
    beyond_kvah: float
    top: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Loading:
    """Of the transformer: rates are apparent power over capacity; `severity_h` the integral of (rate - heavy
    limit)+ in hours. Coverage and estimated share are the area meter's. `factor` is the day's power factor
    from energies, where all was measured; `assumed_factor` what was taken where reactive energy is not."""

    capacity_kva: float
    rate_max: float
    rate_max_at: datetime
    rate_mean: float
    severity_h: float
    light_h: float
    heavy_h: float
    over_h: float
    power_factor: PowerFactor
    assumed_factor: float | None
    coverage: float
    estimated_share: float | None
    factor: float | None = None
    spells: tuple[Spell, ...] = ()


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Of the area meter's currents where the load was above the gate. `max_min`: (Imax - Imin) / Imax;
    `mean_deviation`: max |I - mean| / mean. `over_min` minutes beyond `limit` by the definition named."""

    definition: str
    limit: float
    max_min: float
    mean_deviation: float
    at: datetime
    over_min: float
    judged_min: float
    known_min: float


@dataclass(frozen=True, slots=True)
class Voltage:
    """电压合格率 of the time monitored, outages and holes not counted: 1 - (over + under) / monitored.

    `points` that were monitored; minutes are summed over their phases' worst. `coverage` is monitored over
    expected minutes."""

    rate: float
    points: int
    monitored_min: float
    over_min: float
    under_min: float
    outage_min: float
    highest_v: float
    lowest_v: float
    coverage: float
    level: str | None = None


@dataclass(frozen=True, slots=True)
class AreaDay:
    """An area or a feeder on a local day. None where it cannot be said: then `reasons` has the figure's name.

    `customers` stood there, `counted` had enough data to count for coincidence; `coverage` and
    `estimated_share` are of all customers' slots. `peak_kw` is the highest sum of their loads, `maxima_kw`
    the sum of their own highest loads: `coincidence` (同时率) is the one over the other.
    """

    kind: Kind
    subject: str
    day: date
    customers: int
    counted: int
    coverage: float | None
    estimated_share: float | None
    coincidence: float | None
    peak_kw: float | None
    peak_at: datetime | None
    maxima_kw: float | None
    contributions: tuple[Contribution, ...] = ()
    areas: tuple[Contribution, ...] = ()
    """Of a feeder: what its areas drew at the feeder's peak."""
    loading: Loading | None = None
    imbalance: Imbalance | None = None
    voltage: Voltage | None = None
    """Of the area meter."""
    customers_voltage: Voltage | None = None
    reasons: dict[str, Reason] = field(default_factory=dict)


def of_area(connection: Connection, area: str, first: date, last: date) -> list[AreaDay]:
    """The days, both included, that were reckoned, in order."""
    return history(connection, Kind.AREA, area, first, last)


def of_feeder(connection: Connection, feeder: str, first: date, last: date) -> list[AreaDay]:
    """As `of_area`."""
    return history(connection, Kind.FEEDER, feeder, first, last)


def on_day(
    connection: Connection,
    kind: Kind,
    day: date,
    subjects: Collection[str] | None = None,
    *,
    after: str = "",
    limit: int | None = None,
) -> list[AreaDay]:
    """All areas or feeders of a day, or those named, in order of id: for lists."""
    table = day_table.c
    query = select(table.detail).where(table.kind == kind, table.day == day, table.subject > after)
    query = query.order_by(table.subject).limit(limit)
    if subjects is not None:
        query = query.where(table.subject.in_(sorted(subjects)))
    return [_made(row) for row in connection.scalars(query)]


def newest_day(connection: Connection, kind: Kind = Kind.AREA) -> date | None:
    """The last day that was reckoned."""
    table = day_table.c
    return connection.scalar(select(table.day).where(table.kind == kind).order_by(table.day.desc()).limit(1))


def last_factors(connection: Connection, first: date, last: date) -> dict[str, float]:
    """The last measured power factor of each area that has one on these days, both included."""
    table = day_table.c
    query = select(table.subject, table.power_factor).where(
        table.kind == Kind.AREA, table.day.between(first, last), table.power_factor.is_not(None)
    )
    return {row.subject: row.power_factor for row in connection.execute(query.order_by(table.day))}


def save(
    connection: Connection,
    found: Sequence[AreaDay],
    *,
    inputs: Mapping[str, str],
    version: int,
    now: datetime,
) -> None:
    """Each in place of what stood for its subject and day; `inputs` by subject, "" where it is not said."""
    table = day_table.c
    groups: dict[tuple[Kind, date], list[str]] = {}
    for each in found:
        groups.setdefault((each.kind, each.day), []).append(each.subject)
    for (kind, day), subjects in groups.items():
        for at in range(0, len(subjects), _CHUNK):
            mine = table.subject.in_(subjects[at : at + _CHUNK])
            connection.execute(delete(day_table).where(table.kind == kind, table.day == day, mine))
    rows = [
        _row(each) | {"inputs": inputs.get(each.subject, ""), "version": version, "made_at": now}
        for each in found
    ]
    if rows:
        connection.execute(insert(day_table), rows)


def history(connection: Connection, kind: Kind, subject: str, first: date, last: date) -> list[AreaDay]:
    """The days, both included, that were reckoned, in order."""
    table = day_table.c
    query = select(table.detail).where(
        table.kind == kind, table.subject == subject, table.day.between(first, last)
    )
    return [_made(row) for row in connection.scalars(query.order_by(table.day))]


def _made(detail: Any) -> AreaDay:
    return msgspec.convert(detail, AreaDay)


def _row(each: AreaDay) -> dict[str, Any]:
    loading = each.loading
    return {
        "kind": each.kind.value,
        "subject": each.subject,
        "day": each.day,
        "customers": each.customers,
        "coverage": each.coverage,
        "coincidence": each.coincidence,
        "peak_kw": each.peak_kw,
        "load_rate_max": loading and loading.rate_max,
        "heavy_h": loading and loading.heavy_h,
        "over_h": loading and loading.over_h,
        "power_factor": loading and loading.factor,
        "imbalance_max": each.imbalance and each.imbalance.max_min,
        "voltage_rate": each.voltage and each.voltage.rate,
        "detail": msgspec.to_builtins(each),
    }
