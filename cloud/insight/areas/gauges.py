"""Imbalance of the area meter's currents and 电压合格率, out of the archive's raw readings of a day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cloud.analysis.indicators import quality
from cloud.analysis.indicators.quality import Definition
from cloud.insight.areas.policy import ImbalanceLimits, VoltageLevel, VoltageLimits
from cloud.insight.areas.store import Imbalance, Reason, Voltage
from cloud.insight.areas.task import AreaTask, Gauge
from cloud.metering.archive import files, raw
from cloud.metering.store import instant

VOLTS = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
LINE_VOLTS = ("voltage_l12_v", "voltage_l23_v", "voltage_l31_v")
AMPERES = ("current_l1_a", "current_l2_a", "current_l3_a")
QUANTITIES = (*VOLTS, *LINE_VOLTS, *AMPERES)
_COLUMNS = ["meter", "at", "quantity", "gauge", "conflict"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readings:
    """Of a gauge, primary values: `at_ms` rising (n,), `minutes` (n,) each holds, volts and amperes (n, 3).

    Volts are against the neutral, or `between_lines` where the meter has only these.
    """

    gauge: Gauge
    at_ms: NDArray[np.int64]
    minutes: Floats
    volts: Floats
    between_lines: bool
    amperes: Floats


def readings(task: AreaTask) -> list[Readings]:
    """Of each gauge that said anything. Conflict: a file is damaged."""
    tables = [
        raw.within(files.read(task.source.folder, piece.entry.path, _COLUMNS), piece.spans)
        for piece in task.raw
    ]
    some = [_wanted(table, task.gauges) for table in tables if table.num_rows]
    if not some:
        return []
    table = pa.concat_tables(some).unify_dictionaries().combine_chunks()
    return _by_gauge(table, task.gauges, task.policy.voltage.hold) if table.num_rows else []


def imbalance(found: Sequence[Readings], kva: float | None, limits: ImbalanceLimits) -> Imbalance | Reason:
    """Of the area meter whose currents were worst; a Reason where it cannot be said."""
    if kva is None:
        return Reason.NO_CAPACITY
    told = [_imbalance(each, kva, limits) for each in found if each.gauge.is_area]
    figures = [each for each in told if isinstance(each, Imbalance)]
    if figures:
        return max(figures, key=lambda each: (each.over_min, each.max_min))
    return next((each for each in told if each is Reason.LIGHT_LOAD), Reason.NO_GAUGES)


def voltage(found: Sequence[Readings], expected_min: float, limits: VoltageLimits) -> Voltage | Reason:
    """Of all these together: `expected_min` is how long they should have been monitored."""
    levels = [level_of(each, limits) for each in found]
    known = [(each, level) for each, level in zip(found, levels, strict=True) if level is not None]
    if not any(not np.isnan(each.volts).all() for each in found):
        return Reason.NO_GAUGES
    if not known:
        return Reason.UNKNOWN_LEVEL
    return _voltage(known, expected_min, limits)


def _voltage(
    known: Sequence[tuple[Readings, VoltageLevel]], expected_min: float, limits: VoltageLimits
) -> Voltage | Reason:
    nominal = np.array([level.nominal_v for _, level in known])
    low = nominal * (1 + np.array([level.low for _, level in known]))
    high = nominal * (1 + np.array([level.high for _, level in known]))
    dark = np.maximum(limits.dark_below_v, limits.dark_share * nominal)
    row = np.repeat(np.arange(len(known)), [len(each.at_ms) for each, _ in known])
    volts = np.concatenate([each.volts for each, _ in known])
    minutes = np.concatenate([each.minutes for each, _ in known])
    told = quality.voltage(volts, minutes, row, low, high, dark)
    monitored, outage = float(told.monitored_min.sum()), float(told.outage_min.sum())
    expected = expected_min - outage
    if not monitored or monitored < limits.coverage * expected:
        return Reason.FEW_DATA
    over, under = float(told.over_min.sum()), float(told.under_min.sum())
    names = {level.name for _, level in known}
    return Voltage(
        rate=1 - (over + under) / monitored,
        points=len({each.gauge.point for each, _ in known}),
        monitored_min=monitored,
        over_min=over,
        under_min=under,
        outage_min=outage,
        highest_v=float(np.nanmax(told.highest_v)),
        lowest_v=float(np.nanmin(told.lowest_v)),
        coverage=min(monitored / expected, 1.0),
        level=names.pop() if len(names) == 1 else None,
    )


def level_of(of: Readings, limits: VoltageLimits) -> VoltageLevel | None:
    """The level of the policy whose nominal voltage is nearest the day's median, if near enough."""
    volts = of.volts[of.volts >= limits.dark_below_v]
    if not volts.size:
        return None
    median = float(np.partition(volts, volts.size // 2)[volts.size // 2])
    phases = 3 if of.between_lines or np.any(~np.isnan(of.volts[:, 1:])) else 1
    fits = [
        level
        for level in limits.level
        if level.phases == phases and abs(median / level.nominal_v - 1) <= limits.nearest
    ]
    return min(fits, key=lambda level: abs(median / level.nominal_v - 1), default=None)


def _imbalance(of: Readings, kva: float, limits: ImbalanceLimits) -> Imbalance | Reason:
    known = ~np.isnan(of.amperes).any(axis=1)
    if not known.any():
        return Reason.NO_GAUGES
    rated_a = 1000 * kva / (np.sqrt(3) * _line_v(of, limits))
    load = np.abs(of.amperes).mean(axis=1) / rated_a
    both = quality.imbalance(of.amperes, load, limits.gate)
    chosen = both.by(Definition(limits.definition))
    judged = ~np.isnan(chosen)
    judged_min = float(of.minutes[judged].sum())
    if judged_min < limits.least_min:
        return Reason.LIGHT_LOAD
    at = int(np.nanargmax(chosen))
    return Imbalance(
        definition=limits.definition,
        limit=limits.limit,
        max_min=float(both.max_min[at]),
        mean_deviation=float(both.mean_deviation[at]),
        at=instant(int(of.at_ms[at])),
        over_min=float(of.minutes[judged & (np.nan_to_num(chosen) > limits.limit)].sum()),
        judged_min=judged_min,
        known_min=float(of.minutes[known].sum()),
    )


def _line_v(of: Readings, limits: ImbalanceLimits) -> float:
    """The voltage between lines where the currents are measured: what the meter says, else as the policy."""
    volts = of.volts[~np.isnan(of.volts)]
    if not volts.size or not np.median(volts) > 0:
        return limits.rated_line_v
    return float(np.median(volts)) * (1.0 if of.between_lines else np.sqrt(3))


def _wanted(table: pa.Table, gauges: Sequence[Gauge]) -> pa.Table:
    meters, names = pa.array(sorted({each.meter for each in gauges})), pa.array(QUANTITIES)
    mask = pc.and_(
        pc.and_(pc.is_in(table["quantity"], names), pc.is_in(table["meter"], meters)),
        pc.invert(table["conflict"]),
    )
    return table.filter(mask)


def _by_gauge(table: pa.Table, gauges: Sequence[Gauge], hold: float) -> list[Readings]:
    """The rows are in order of meter and instant."""
    meter, quantity = (table.column(name).combine_chunks() for name in ("meter", "quantity"))
    places = np.array(
        [QUANTITIES.index(each) if each in QUANTITIES else -1 for each in quantity.dictionary.to_pylist()]
    )
    which, code = places[quantity.indices.to_numpy()], meter.indices.to_numpy()
    at_ms = table.column("at").cast(pa.int64()).to_numpy()
    value = table.column("gauge").to_numpy()
    number = {name: place for place, name in enumerate(meter.dictionary.to_pylist())}
    order = np.lexsort((at_ms, code))
    which, code, at_ms, value = which[order], code[order], at_ms[order], value[order]
    found = []
    for each in gauges:
        low, high = np.searchsorted(code, [number.get(each.meter, -1), number.get(each.meter, -2) + 1])
        inside = slice(int(low), int(high))
        made = _readings(each, at_ms[inside], which[inside], value[inside], hold)
        if made is not None:
            found.append(made)
    return found


def _readings(
    gauge: Gauge, at_ms: NDArray[np.int64], which: NDArray[np.int64], value: Floats, hold: float
) -> Readings | None:
    inside = (at_ms >= gauge.start_ms) & (at_ms < gauge.end_ms)
    at_ms = at_ms[inside]
    if not len(at_ms):
        return None
    new = np.concatenate(([True], at_ms[1:] != at_ms[:-1]))
    instants, line = at_ms[new], np.cumsum(new) - 1
    values = np.full((len(instants), len(QUANTITIES)), np.nan)
    values[line, which[inside]] = value[inside]
    values[:, :6] *= gauge.volts
    values[:, 6:] *= gauge.amperes
    until = np.minimum(
        instants + round(hold * gauge.interval_s * 1000), np.append(instants[1:], gauge.end_ms)
    )
    phases, lines = values[:, :3], values[:, 3:6]
    between_lines = bool(np.isnan(phases).all())
    volts = lines if between_lines else phases
    return Readings(gauge, instants, (until - instants) / 60_000, volts, between_lines, values[:, 6:])
