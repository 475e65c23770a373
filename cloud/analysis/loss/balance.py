"""Energy in against energy sold at the same instants, for all areas and days at once.

A day that was not measured is a bound and never a zero: a missing meter must not look like loss.
Same-instant loss (同期线损): supply = area import + feed-in - area export, loss = supply - sales.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.loss.states import REASON_CODE, STATE_CODE, Reason, State

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]
CUSTOMER, SUPPLY = 0, 1
"""Roles of points: one who draws (and may feed in), and the meter through which the area is supplied."""
OUTSIDE = -1
"""Area of a point on a day on which it stood in none."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """Day energies in kWh, each float64 (points, days).

    `value` is the best known (estimates included), NaN where there is none; `low` <= true <= `high`: equal
    where the day was measured, `high` inf where nothing says how much it may be.
    """

    value: Floats
    low: Floats
    high: Floats

    @property
    def measured(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.low == self.high
        return found


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates as parts of supply; `floor_kwh` a day is nothing, `least_kwh` a day is worth no inspection."""

    high_rate: float = 0.12
    negative_rate: float = 0.01
    floor_kwh: float = 1.0
    least_kwh: float = 2.0
    z: float = 3.0


@dataclass(frozen=True, slots=True)
class Balance:
    """Each (areas, days): kWh, NaN where it cannot be said; `low`, `high` bound the loss.

    `points` int are the customers, `unmeasured` those of them without a measured day; `estimated` is the part
    of sales that was estimated, NaN without sales; `why` int8 (`Reason`) of what is not computable at all.
    """

    supply: Floats
    sales: Floats
    loss: Floats
    low: Floats
    high: Floats
    points: NDArray[np.int64]
    unmeasured: NDArray[np.int64]
    estimated: Floats
    why: Codes

    @property
    def rate(self) -> Floats:
        """Loss in parts of supply; NaN where supply is nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.computable, self.loss / self.supply, np.nan)

    @property
    def computable(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.why == REASON_CODE[Reason.NONE]
        return found

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Both sides measured: what baselines and searches are made of."""
        found: NDArray[np.bool_] = self.computable & (self.low == self.high)
        return found


def bounded(
    measured: Floats, final: Floats, whole: NDArray[np.bool_], upper: Floats, least: Floats | None = None
) -> Bounded:
    """(points, days) each: what was measured, with estimates (NaN: none), whether all was measured.

    `upper` is what such a day may come to (`like_day_upper`), NaN where nothing says it.
    """
    low = np.where(np.isnan(measured), 0.0, measured) if least is None else least
    high = np.where(whole, low, np.where(np.isnan(upper), np.inf, np.maximum(upper, low)))
    value = np.where(whole, low, final)
    return Bounded(value, low, high)


def like_day_upper(measured: Floats, back: int = 28, margin: float = 1.2) -> Floats:
    """(points, days): the most of any measured day among the `back` days before, times `margin`.

    `measured` (points, days) kWh with NaN where the day was not measured whole; NaN where there was none.
    """
    filled = np.where(np.isnan(measured), -np.inf, measured)
    out = np.full(measured.shape, -np.inf)
    for behind in range(1, min(back, measured.shape[1] - 1) + 1):
        np.maximum(out[:, behind:], filled[:, :-behind], out=out[:, behind:])
    return np.where(np.isinf(out), np.nan, out * margin)


def balance(
    area: NDArray[np.int64],
    role: NDArray[np.int64],
    imported: Bounded,
    exported: Bounded,
    areas: int,
    limits: Limits,
) -> Balance:
    """`area` int64 (points, days) in 0..areas-1 or OUTSIDE; `role` (points,): CUSTOMER or SUPPLY.

    What prosumers feed in is supplied to the area, what goes out through the area meter is not.
    """
    size = (areas, area.shape[1])
    feeds, draws = (role == SUPPLY)[:, None] & (area >= 0), (role == CUSTOMER)[:, None] & (area >= 0)
    cell = np.where(area >= 0, area, 0) * size[1] + np.arange(size[1])

    def total(values: Floats, which: NDArray[np.bool_]) -> Floats:
        return np.bincount(cell[which], values[which], areas * size[1]).reshape(size).astype(np.float64)

    def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(cell[which], minlength=areas * size[1]).reshape(size)

    def supply_of(into: Floats, out: Floats, fed: Floats) -> Floats:
        return total(into, feeds) - total(out, feeds) + total(fed, draws)

    supply = supply_of(imported.value, exported.value, exported.value)
    sales = total(imported.value, draws)
    with np.errstate(invalid="ignore"):
        low = supply_of(imported.low, exported.high, exported.low) - total(imported.high, draws)
        high = supply_of(imported.high, exported.low, exported.high) - total(imported.low, draws)
    unknown = draws & ~(imported.measured & exported.measured)
    guessed = total(np.where(np.isnan(imported.value), 0, imported.value - imported.low), unknown)
    sold = np.where(sales > 0, sales, np.nan)
    points = count(draws)
    no_day = count(feeds & ~(imported.measured & exported.measured)) > 0
    why = _why(count(feeds) == 0, no_day, points == 0, supply, total(imported.low, draws), limits)
    lost = why != REASON_CODE[Reason.NONE]
    hidden = np.isin(why, [REASON_CODE[each] for each in (Reason.NO_AREA_METER, Reason.AREA_METER_MISSING)])
    return Balance(
        np.where(hidden, np.nan, supply),
        sales,
        np.where(lost, np.nan, supply - sales),
        np.where(lost, np.nan, low),
        np.where(lost, np.nan, high),
        points,
        count(unknown),
        guessed / sold,
        why,
    )


def _why(
    no_meter: NDArray[np.bool_],
    no_day: NDArray[np.bool_],
    empty: NDArray[np.bool_],
    supply: Floats,
    sold: Floats,
    limits: Limits,
) -> Codes:
    with np.errstate(invalid="ignore"):
        nothing = supply < limits.floor_kwh
    cases = [
        (no_meter, Reason.NO_AREA_METER),
        (no_day, Reason.AREA_METER_MISSING),
        (empty, Reason.NO_CUSTOMERS),
        (nothing & (sold >= limits.floor_kwh), Reason.AREA_METER_STILL),
        (nothing, Reason.SUPPLY_ZERO),
    ]
    codes = [np.int8(REASON_CODE[reason]) for _, reason in cases]
    return np.select([case for case, _ in cases], codes, np.int8(REASON_CODE[Reason.NONE])).astype(np.int8)


def states(found: Balance, limits: Limits, expected: Floats, spread: Floats) -> tuple[Codes, Codes, Floats]:
    """(state, reason, z), each (areas, days); `expected` kWh and `spread` kWh of the baseline, NaN: none.

    A state is told only where both bounds of the loss are of it: else the missing meters decide, and that is
    not known. z is that of the loss, NaN without baseline or without a loss.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        over = np.maximum(limits.high_rate * found.supply, limits.least_kwh)
        above = np.maximum(expected + limits.z * spread, expected + limits.least_kwh)
        under = -np.maximum(limits.negative_rate * found.supply, limits.least_kwh)
        high_rate, low_rate = found.low > over, found.high < under
        high_base = found.low > above
        fine = (found.low >= under) & (found.high <= over) & ~(found.high > above)
        z = (found.loss - expected) / spread
    cases = [
        (~found.computable, State.NOT_COMPUTABLE, None),
        (low_rate, State.NEGATIVE, Reason.MORE_SOLD),
        (high_rate, State.HIGH, Reason.OVER_LIMIT),
        (high_base, State.HIGH, Reason.OVER_BASELINE),
        (fine, State.NORMAL, Reason.NONE),
    ]
    which = [case for case, _, _ in cases]
    state = np.select(which, [STATE_CODE[each] for _, each, _ in cases], STATE_CODE[State.NOT_COMPUTABLE])
    reasons = [found.why if reason is None else np.int8(REASON_CODE[reason]) for _, _, reason in cases]
    reason = np.select(which, reasons, np.int8(REASON_CODE[Reason.METERS_MISSING]))
    return state.astype(np.int8), reason.astype(np.int8), z
