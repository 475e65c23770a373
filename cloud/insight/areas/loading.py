"""The transformer's load rate on a day from its area meter, and its light, heavy and over spells."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.indicators import transformer
from cloud.analysis.indicators.quality import power_factor
from cloud.analysis.indicators.transformer import Limits, Load, Run
from cloud.insight.areas import together
from cloud.insight.areas.files import Files
from cloud.insight.areas.policy import TransformerLimits
from cloud.insight.areas.store import Loading, PowerFactor, Reason, Spell, State
from cloud.insight.areas.task import AreaTask, Capacity
from cloud.insight.curves import Curves
from cloud.metering.store import instant
from cloud.metering.vee.point_day import Channel

Floats = NDArray[np.float64]
_REACTIVE = (Channel.REACTIVE_IMPORT, Channel.REACTIVE_EXPORT)


def loading(task: AreaTask, files: Files, customers: Curves) -> Loading | Reason:
    """Of the area's day; a Reason where it cannot be said. Conflict: a file is damaged."""
    limits = task.policy.transformer
    if not task.meters:
        return Reason.NO_AREA_METER
    imported = files.curves(task.meters)
    capacity = _capacity(task.capacity, imported.starts_ms)
    if not np.any(capacity > 0):
        return Reason.NO_CAPACITY
    active = _kw(imported.wh, task.interval_s) - _fed_in(task, files)
    reactive = _reactive(task, files)
    factor = task.known_factor or limits.power_factor
    beta = transformer.apparent_kva(active, reactive, factor) / np.where(capacity > 0, capacity, np.nan)
    known = ~np.isnan(beta)
    if not known.any() or known.mean() < limits.coverage:
        return Reason.FEW_DATA
    assumed = bool(np.isnan(reactive[known]).any())
    return _made(task, customers, imported, beta, capacity, (active, reactive, factor, assumed))


def _made(
    task: AreaTask,
    customers: Curves,
    imported: Curves,
    beta: Floats,
    capacity: Floats,
    power: tuple[Floats, Floats, float, bool],
) -> Loading:
    limits, interval_s = task.policy.transformer, task.interval_s
    active, reactive, factor, assumed = power
    found = transformer.runs(
        beta, interval_s, Limits(limits.light, limits.heavy, limits.over, limits.least_h)
    )
    at = int(np.nanargmax(beta))
    known = ~np.isnan(beta)
    return Loading(
        capacity_kva=float(capacity[capacity > 0][-1]),
        rate_max=float(beta[at]),
        rate_max_at=instant(int(imported.starts_ms[at])),
        rate_mean=float(np.nanmean(beta)),
        severity_h=transformer.severity_h(beta, interval_s, limits.heavy),
        light_h=transformer.hours(found, Load.LIGHT, interval_s),
        heavy_h=transformer.hours(found, Load.HEAVY, interval_s),
        over_h=transformer.hours(found, Load.OVER, interval_s),
        power_factor=_whence(task, assumed=assumed),
        assumed_factor=factor if assumed else None,
        coverage=float(known.mean()),
        estimated_share=float(imported.estimated[:, known].mean()),
        factor=None if assumed else _of_energies(active[known], reactive[known]),
        spells=tuple(_spell(run, capacity, customers, limits) for run in found),
    )


def _whence(task: AreaTask, *, assumed: bool) -> PowerFactor:
    if not assumed:
        return PowerFactor.MEASURED
    return PowerFactor.ASSUMED if task.known_factor is None else PowerFactor.LAST_KNOWN


def _of_energies(active: Floats, reactive: Floats) -> float | None:
    """Of the day's energies; reactive of both directions counts."""
    found = power_factor(np.array([np.abs(active.sum())]), np.array([np.abs(reactive).sum()]))[0]
    return None if np.isnan(found) else float(found)


def _spell(run: Run, capacity: Floats, customers: Curves, limits: TransformerLimits) -> Spell:
    step_ms = customers.interval_s * 1000
    starts_ms = customers.starts_ms
    light = run.load is Load.LIGHT
    return Spell(
        State(run.load.value),
        instant(int(starts_ms[run.first])),
        instant(int(starts_ms[run.until - 1]) + step_ms),
        run.extreme,
        instant(int(starts_ms[run.at])),
        run.beyond_h * float(capacity[run.at]),
        ()
        if light
        else together.drawn_at(customers.points, customers.wh, run.at, customers.interval_s, limits.top),
    )


def _fed_in(task: AreaTask, files: Files) -> Floats:
    """kW that flowed back; a meter without such a register had none flow back."""
    return _kw(np.nan_to_num(files.wh(task.meters, Channel.EXPORT)), task.interval_s)


def _reactive(task: AreaTask, files: Files) -> Floats:
    """kvar (slots,), NaN where any meter says nothing of what it takes; of what it gives nothing is none."""
    taken, given = (files.wh(task.meters, each) for each in _REACTIVE)
    return _kw(taken, task.interval_s) - _kw(np.nan_to_num(given), task.interval_s)


def _kw(wh: NDArray[np.float32], interval_s: int) -> Floats:
    """(slots,) of all meters together; NaN where any is missing."""
    summed: Floats = wh.astype(np.float64).sum(axis=0)
    return summed * (3.6 / interval_s)


def _capacity(spans: Sequence[Capacity], starts_ms: NDArray[np.int64]) -> Floats:
    """kVA (slots,), NaN where it is not known."""
    found = np.full(len(starts_ms), np.nan)
    for each in spans:
        found[starts_ms >= each.since_ms] = np.nan if each.kva is None else each.kva
    return found
