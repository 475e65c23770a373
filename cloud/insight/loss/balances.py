"""The balances of one day: areas, their states against limit and baseline, and feeders as sums of areas."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from cloud.analysis.loss import baseline
from cloud.analysis.loss.balance import OUTSIDE, Balance, Bounded, Limits, balance, states
from cloud.analysis.loss.states import REASONS, STATES, Reason, State
from cloud.insight.loss import energies, store
from cloud.insight.loss.energies import AreaDay
from cloud.insight.loss.gather import BEHIND
from cloud.insight.loss.policy import LossPolicy
from cloud.insight.loss.store import AREA, FEEDER, AreaLoss
from cloud.insight.loss.tables import baseline_table, energy_table, loss_table

VERSION = 1
"""Of the rules of balances and states."""
Floats = NDArray[np.float64]
_CHUNK = 300
_STALE = timedelta(days=90)
"""An older baseline is of another grid."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """An area's technical loss: kWh a day, kWh per kWh², and how far days are off it."""

    constant_kwh: float
    per_square: float
    spread_kwh: float
    by_square: bool


def limits_of(policy: LossPolicy) -> Limits:
    own = policy.limits
    return Limits(own.high_rate, own.negative_rate, own.floor_kwh, own.least_kwh, own.z)


def of_areas(found: Sequence[AreaDay], baselines: dict[str, Baseline], policy: LossPolicy) -> list[AreaLoss]:
    """The balances of one day of these areas, all at once."""
    if not found:
        return []
    role = np.concatenate([each.roster.role for each in found]).astype(np.int64)
    counts = [len(each.roster.points) for each in found]
    area = np.repeat(np.arange(len(found)), counts)[:, None]
    area = np.where(role[:, None] == BEHIND, OUTSIDE, area)
    told = balance(
        area,
        role,
        _stacked([each.imported for each in found]),
        _stacked([each.exported for each in found]),
        len(found),
        limits_of(policy),
    )
    expected, spread = _expected(found, baselines, told.supply)
    state, reason, z = states(told, limits_of(policy), expected, spread)
    return [
        _row(AREA, each.area, each, told, number, STATES[state[number, 0]], REASONS[reason[number, 0]],
             expected[number, 0], z[number, 0])
        for number, each in enumerate(found)
    ]  # fmt: skip


def _expected(
    found: Sequence[AreaDay], baselines: dict[str, Baseline], supply: Floats
) -> tuple[Floats, Floats]:
    expected, spread = np.full((2, len(found), 1), np.nan)
    for number, each in enumerate(found):
        known = baselines.get(each.area)
        if known is None:
            continue
        square = each.square if known.by_square else float(supply[number, 0]) ** 2
        expected[number] = known.constant_kwh + known.per_square * square
        spread[number] = known.spread_kwh
    return expected, spread


def _stacked(parts: Sequence[Bounded]) -> Bounded:
    return Bounded(
        np.concatenate([each.value for each in parts]),
        np.concatenate([each.low for each in parts]),
        np.concatenate([each.high for each in parts]),
    )


def _row(
    kind: str,
    key: str,
    of: AreaDay,
    told: Balance,
    at: int,
    state: State,
    reason: Reason,
    expected: float,
    z: float,
) -> AreaLoss:
    inputs = hashlib.blake2b(energies.packed(of.imported, of.exported), digest_size=16).hexdigest()
    return AreaLoss(
        kind,
        key,
        of.day,
        of.feeder,
        state.value,
        reason.value,
        _number(told.supply[at, 0]),
        _number(told.sales[at, 0]),
        _number(told.loss[at, 0]),
        _number(told.low[at, 0]),
        _number(told.high[at, 0]),
        _number(told.rate[at, 0]),
        int(told.points[at, 0]),
        int(told.unmeasured[at, 0]),
        _number(told.estimated[at, 0]),
        _number(expected),
        _number(z),
        None,
        inputs,
        VERSION,
    )


def unreadable(area: str, feeder: str, day: date, customers: int) -> AreaLoss:
    """The balance of an area of whose day a file is damaged: nothing is known of it, and why."""
    nothing = dict.fromkeys(
        (
            "supply_kwh",
            "sales_kwh",
            "loss_kwh",
            "low_kwh",
            "high_kwh",
            "rate",
            "estimated",
            "baseline_kwh",
            "z",
        )
    )
    return AreaLoss(
        AREA, area, day, feeder, State.NOT_COMPUTABLE.value, Reason.ARCHIVE_DAMAGED.value,
        points=customers, unmeasured=customers, of_areas=None, inputs="", version=VERSION, **nothing,
    )  # fmt: skip


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def of_feeders(areas: Iterable[AreaLoss], policy: LossPolicy) -> list[AreaLoss]:
    """The sums of those areas that have bounds on both sides; a feeder's own line has no meter in them."""
    by_feeder: dict[tuple[str, date], list[AreaLoss]] = {}
    for each in areas:
        by_feeder.setdefault((each.feeder, each.day), []).append(each)
    return [_feeder(feeder, day, own, policy) for (feeder, day), own in sorted(by_feeder.items())]


def _feeder(feeder: str, day: date, own: list[AreaLoss], policy: LossPolicy) -> AreaLoss:
    in_sum = [each for each in own if each.low_kwh is not None and each.high_kwh is not None]
    supply = _sum([each.supply_kwh for each in in_sum])
    sales = _sum([each.sales_kwh for each in in_sum])
    loss = _sum([each.loss_kwh for each in in_sum])
    low, high = _sum([each.low_kwh for each in in_sum]), _sum([each.high_kwh for each in in_sum])
    estimated = _sum([(each.estimated or 0.0) * (each.sales_kwh or 0.0) for each in in_sum])
    state, reason = _state(supply, low, high, policy)
    if reason is Reason.NONE and len(in_sum) < len(own):
        reason = Reason.SOME_AREAS
    told = hashlib.blake2b("\n".join(sorted(each.inputs for each in own)).encode(), digest_size=16)
    return AreaLoss(
        FEEDER, feeder, day, feeder, state.value, reason.value, supply, sales, loss, low, high,
        loss / supply if loss is not None and supply else None,
        sum(each.points for each in own), sum(each.unmeasured for each in own),
        estimated / sales if estimated is not None and sales else None,
        None, None, len(in_sum), told.hexdigest(), VERSION,
    )  # fmt: skip


def _state(
    supply: float | None, low: float | None, high: float | None, policy: LossPolicy
) -> tuple[State, Reason]:
    limits = policy.limits
    if supply is None or low is None or high is None:
        return State.NOT_COMPUTABLE, Reason.SOME_AREAS
    if supply < limits.floor_kwh:
        return State.NOT_COMPUTABLE, Reason.SUPPLY_ZERO
    over = max(limits.line_high_rate * supply, limits.least_kwh)
    under = -max(limits.negative_rate * supply, limits.least_kwh)
    if low > over:
        return State.HIGH, Reason.OVER_LIMIT
    if high < under:
        return State.NEGATIVE, Reason.MORE_SOLD
    if low >= under and high <= over:
        return State.NORMAL, Reason.NONE
    return State.NOT_COMPUTABLE, Reason.METERS_MISSING


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(sum(known)) if known and len(known) == len(values) else None


def baselines(connection: Connection, day: date) -> dict[str, tuple[date, Baseline]]:
    """The newest of each area that was fitted on days before `day`, and when."""
    table = baseline_table.c
    query = select(baseline_table).where(table.day.between(day - _STALE, day)).order_by(table.day)
    return {
        row.area: (
            row.day,
            Baseline(row.constant_kwh, row.per_square, row.spread_kwh, bool(row.by_square)),
        )
        for row in connection.execute(query)
    }


def refit(connection: Connection, areas: Sequence[str], day: date, policy: LossPolicy) -> int:
    """Fit anew what these areas lose technically, on their clean days before `day`; how many have one.

    Clean is measured on both sides and neither negative nor over the limit.
    """
    days = policy.baseline.days
    first = day - timedelta(days=days)
    place = {area: number for number, area in enumerate(areas)}
    loss, supply, square = np.full((3, len(areas), days), np.nan)
    table, energy = loss_table.c, energy_table.c
    query = (
        select(table.key, table.day, table.loss_kwh, table.supply_kwh, energy.square)
        .join(energy_table, (energy.area == table.key) & (energy.day == table.day))
        .where(table.kind == AREA, table.day >= first, table.day < day)
        .where(table.low_kwh == table.high_kwh, table.state.in_((State.NORMAL.value, State.HIGH.value)))
        .where(table.reason != Reason.OVER_LIMIT.value)
    )
    for key, at, lost, supplied, squared in connection.execute(query):
        if key in place:
            cell = place[key], (at - first).days
            loss[cell], supply[cell] = lost, supplied
            square[cell] = np.nan if squared is None else squared
    clean = np.isfinite(loss)
    by_square = (np.isfinite(square) & clean).sum(axis=1) >= policy.baseline.least_days
    used = np.where(by_square[:, None], square, supply**2)
    fitted = baseline.fit(loss, used, supply, clean, policy.baseline.least_days)
    rows = [
        {
            "area": area,
            "day": day,
            "constant_kwh": float(fitted.constant[at]),
            "per_square": float(fitted.per_square[at]),
            "spread_kwh": float(fitted.spread[at]),
            "days": int(fitted.days[at]),
            "by_square": int(by_square[at]),
        }
        for area, at in place.items()
        if np.isfinite(fitted.constant[at])
    ]
    mine = baseline_table.c
    for start in range(0, len(areas), _CHUNK):
        part = mine.area.in_(areas[start : start + _CHUNK])
        connection.execute(delete(baseline_table).where(mine.day == day, part))
    if rows:
        connection.execute(insert(baseline_table), rows)
    return len(rows)


def stored_areas(connection: Connection, day: date, fresh: Iterable[AreaLoss]) -> list[AreaLoss]:
    """Those of the day that are stored, with the fresh ones in their places."""
    new = {each.key: each for each in fresh}
    return [*new.values(), *(each for each in store.areas(connection, day) if each.key not in new)]
