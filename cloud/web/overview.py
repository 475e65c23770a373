"""The station at this moment, one row for each area: put together from the registry and the newest readings.

What is silent is not known: it is neither supplied nor without supply, and never said to be dead or safe.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from cloud.metering.store import Latest, instant
from protocols.readings import Value

HEARD_INTERVALS = 3
HEARD_AT_LEAST_S = 60
VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")


@dataclass(frozen=True, slots=True)
class MeterNow:
    """A meter's newest values; `heard` when younger than three of its intervals and not told silent since."""

    id: str
    area: str
    gateway: str
    line: str
    model: str
    address: str
    role: str
    values: Mapping[str, Value]
    at: datetime | None
    heard: bool
    dark_below_v: float

    @property
    def voltages(self) -> list[float]:
        return [self.values[name] for name in VOLTAGES if name in self.values]

    @property
    def state(self) -> str:
        """supplied · no_voltage · silent."""
        if not self.heard:
            return "silent"
        return "no_voltage" if self.voltages and max(self.voltages) < self.dark_below_v else "supplied"


@dataclass(frozen=True, slots=True)
class AreaNow:
    """`state`: out, no_voltage, unknown, supplied. `load_w`: the area meter's, else the sum of all heard."""

    id: str
    name: str
    feeder: str
    meters: int
    heard: int
    load_w: float | None
    low_v: float | None
    high_v: float | None
    at: datetime | None
    state: str


def meters_now(
    rows: Iterable[Row[Any]],
    newest: Iterable[Latest],
    silences: Mapping[str, datetime],
    now: datetime,
    dark_below_v: float,
) -> list[MeterNow]:
    """One MeterNow for each registered meter, heard or never heard; `silences` is what gateways tell."""
    values: dict[str, dict[str, Latest]] = defaultdict(dict)
    for each in newest:
        values[each.meter][each.quantity] = each
    return [_meter(row, values.get(row.id, {}), silences.get(row.id), now, dark_below_v) for row in rows]


def _meter(
    row: Row[Any],
    newest: Mapping[str, Latest],
    silent_since: datetime | None,
    now: datetime,
    dark_below_v: float,
) -> MeterNow:
    newest_ms = max((each.at_ms for each in newest.values()), default=None)
    at = None if newest_ms is None else instant(newest_ms)
    limit = timedelta(seconds=max(HEARD_INTERVALS * row.interval_s, HEARD_AT_LEAST_S))
    # Only what was said in the last answer belongs together: a voltage of an hour ago is no voltage now.
    current = {
        name: each.value for name, each in newest.items() if newest_ms and newest_ms - each.at_ms < 60_000
    }
    return MeterNow(
        row.id,
        row.area,
        row.gateway,
        row.line,
        row.model,
        row.address,
        row.role,
        current,
        at,
        at is not None and now - at <= limit and (silent_since is None or at > silent_since),
        dark_below_v,
    )


def areas_now(rows: Iterable[Row[Any]], meters: Iterable[MeterNow], out: set[str]) -> list[AreaNow]:
    """Areas in trouble first: outage, no voltage, not known, meters silent. `out` have an open outage."""
    by_area: dict[str, list[MeterNow]] = defaultdict(list)
    for meter in meters:
        by_area[meter.area].append(meter)
    found = [_area(row, by_area.get(row.id, []), row.id in out) for row in rows]
    rank = {"out": 0, "no_voltage": 1, "unknown": 2, "supplied": 3}
    return sorted(found, key=lambda area: (rank[area.state], area.heard >= area.meters, area.id))


def _area(row: Row[Any], meters: Sequence[MeterNow], out: bool) -> AreaNow:
    heard = [meter for meter in meters if meter.heard]
    voltages = [volts for meter in heard for volts in meter.voltages]
    return AreaNow(
        row.id,
        row.name,
        row.feeder,
        len(meters),
        len(heard),
        _load(heard),
        min(voltages, default=None),
        max(voltages, default=None),
        max((meter.at for meter in meters if meter.at), default=None),
        _state(heard, out),
    )


def _load(heard: Sequence[MeterNow]) -> float | None:
    whole = [meter.values["power_w"] for meter in heard if meter.role == "area" and "power_w" in meter.values]
    parts = [meter.values["power_w"] for meter in heard if meter.role != "area" and "power_w" in meter.values]
    return sum(whole or parts) if whole or parts else None


def _state(heard: Sequence[MeterNow], out: bool) -> str:
    if out:
        return "out"
    if not heard:
        return "unknown"
    if all(meter.state == "no_voltage" for meter in heard):
        return "no_voltage"
    return "supplied"
