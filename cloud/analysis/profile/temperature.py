"""What a degree costs a customer: daily energy against the day's mean temperature, in three straight pieces.

E_d = b0 + bh·max(0, Th − T_d) + bc·max(0, T_d − Tc) + g·off_d, with Th < Tc searched on a grid: the daily
model of CalTRACK 2.0 and OpenDSM in its plain form. All customers are fitted together, each on its own days:
base and kind of day are projected out, and as no day is cold and warm at once a pair of slopes is two by two.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VERSION = 1


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """kWh a day per °C below `heating_below_c` and above `cooling_above_c`; None where it has no such part.

    `reason` says why there is none at all: "no_weather", "too_few_days", "no_gain". `gain` is R² above that
    of the kinds of day alone, `day_off_kwh` what a day off adds.
    """

    days: int
    heating_kwh_per_c: float | None = None
    cooling_kwh_per_c: float | None = None
    heating_below_c: float | None = None
    cooling_above_c: float | None = None
    base_kwh: float | None = None
    day_off_kwh: float | None = None
    r2: float | None = None
    gain: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """°C of the grid, and what is too little: fewer days, less R² gained."""

    heating_c: tuple[float, float] = (8.0, 18.0)
    cooling_c: tuple[float, float] = (20.0, 28.0)
    step_c: float = 1.0
    least_days: int = 60
    least_gain: float = 0.02


LIMITS = Limits()


def sensitivities(
    energy_kwh: NDArray[np.floating],
    celsius: NDArray[np.floating],
    off: NDArray[np.bool_],
    limits: Limits = LIMITS,
) -> list[Sensitivity]:
    """Of each row of `energy_kwh` (customers, days); NaN is a day that does not count.

    `celsius` (days,) is each day's mean, NaN where unknown; `off` (days,) which days are no working days. A
    slope below zero (less load in the cold) is no heating: such a part is left out, and so is a second part
    that adds less than the least gain to the better one alone.
    """
    if not len(energy_kwh):
        return []
    known = np.isfinite(energy_kwh) & np.isfinite(celsius)
    colds, warms = _grid(limits.heating_c, limits.step_c), _grid(limits.cooling_c, limits.step_c)
    heat = np.maximum(0, colds[:, None] - np.nan_to_num(celsius))
    cool = np.maximum(0, np.nan_to_num(celsius) - warms[:, None])
    energy = np.where(known, energy_kwh, 0).astype(np.float64)
    space = _Space(energy, known.astype(np.float64), off.astype(np.float64))
    gains, slopes = _pairs(space, heat, cool)
    gains[:, 1:, 1:][:, colds[:, None] >= warms] = -1
    alone = np.maximum(gains[:, 1:, 0].max(axis=1), gains[:, 0, 1:].max(axis=1))
    worth = alone + limits.least_gain * space.total
    gains[:, 1:, 1:][gains[:, 1:, 1:] < worth[:, None, None]] = -1
    best = gains.reshape(len(gains), -1).argmax(axis=1)
    cold, warm = np.divmod(best, len(warms) + 1)
    rows = np.arange(len(gains))
    gained = gains[rows, cold, warm]
    heating, cooling = slopes[0][rows, cold, warm], slopes[1][rows, cold, warm]
    bases = space.bases(heating, cooling, heat, cool, cold, warm)
    return [
        _said(
            limits,
            int(space.count[row]),
            float(space.total[row]),
            float(space.own[row]),
            float(gained[row]),
            None if not cold[row] else (float(colds[cold[row] - 1]), float(heating[row])),
            None if not warm[row] else (float(warms[warm[row] - 1]), float(cooling[row])),
            (float(bases[row, 0]), float(bases[row, 1])),
        )
        for row in rows
    ]


class _Space:
    """Inner products of rows' days with base and kind of day projected out."""

    def __init__(
        self, energy: NDArray[np.float64], weight: NDArray[np.float64], off: NDArray[np.float64]
    ) -> None:
        self.energy, self.weight, self.off = energy, weight, off
        self.count = weight.sum(axis=1)
        count, away = np.maximum(self.count, 1), weight @ off
        mixed = np.maximum(away * (count - away), 0)
        self._both = mixed > 0
        inner = np.where(self._both, mixed, 1.0)
        self._inverse = np.stack(
            [np.where(self._both, away / inner, 1 / count), np.where(self._both, -away / inner, 0),
             np.where(self._both, count / inner, 0)], axis=1
        )  # fmt: skip
        self.seen = np.stack([energy.sum(axis=1), energy @ off], axis=1)
        square = (energy**2).sum(axis=1)
        self.total = np.maximum(0, square - self.seen[:, 0] ** 2 / count)
        self.own = np.maximum(0, square - self.across(self.seen, self.seen))

    def of(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rows, parts, 2): each part's sums over all days and over days off."""
        return np.stack([self.weight @ parts.T, self.weight @ (parts * self.off).T], axis=2)

    def across(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """What base and kind of day explain of two things' product; (…, 2) each, rows first."""
        shape = (len(one), *[1] * (one.ndim - 2))
        a, b, c = (self._inverse[:, each].reshape(shape) for each in range(3))
        first = one[..., 0] * (a * other[..., 0] + b * other[..., 1])
        found: NDArray[np.float64] = first + one[..., 1] * (b * other[..., 0] + c * other[..., 1])
        return found

    def bases(
        self,
        heating: NDArray[np.float64],
        cooling: NDArray[np.float64],
        heat: NDArray[np.float64],
        cool: NDArray[np.float64],
        cold: NDArray[np.int64],
        warm: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """(rows, 2): kWh of a working day without heat and cold, and what a day off adds."""
        rows = np.arange(len(heating))
        rest = self.seen.copy()
        rest -= heating[:, None] * self.of(heat)[rows, np.maximum(cold - 1, 0)]
        rest -= cooling[:, None] * self.of(cool)[rows, np.maximum(warm - 1, 0)]
        a, b, c = self._inverse.T
        return np.stack([a * rest[:, 0] + b * rest[:, 1], b * rest[:, 0] + c * rest[:, 1]], axis=1)


def _grid(span: tuple[float, float], step: float) -> NDArray[np.float64]:
    return np.arange(span[0], span[1] + step / 2, step)


def _pairs(
    space: _Space, heat: NDArray[np.float64], cool: NDArray[np.float64]
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Squared error won, and both slopes, (rows, 1 + colds, 1 + warms): index 0 is without that part."""
    h, c = space.of(heat), space.of(cool)
    seen = space.seen[:, None, :]
    he = space.energy @ heat.T - space.across(h, np.broadcast_to(seen, h.shape))
    ce = space.energy @ cool.T - space.across(c, np.broadcast_to(seen, c.shape))
    hh = space.weight @ (heat**2).T - space.across(h, h)
    cc = space.weight @ (cool**2).T - space.across(c, c)
    hc = -space.across(h[:, :, None, :], c[:, None, :, :])
    rows, colds, warms = hc.shape
    gains = np.full((rows, colds + 1, warms + 1), -1.0)
    slopes = (np.zeros_like(gains), np.zeros_like(gains))
    gains[:, 0, 0] = 0
    slopes[0][:, 1:, 0] = _ratio(he, hh)
    slopes[1][:, 0, 1:] = _ratio(ce, cc)
    gains[:, 1:, 0] = np.where(slopes[0][:, 1:, 0] > 0, slopes[0][:, 1:, 0] * he, -1)
    gains[:, 0, 1:] = np.where(slopes[1][:, 0, 1:] > 0, slopes[1][:, 0, 1:] * ce, -1)
    h1, c1, he, ce = hh[:, :, None], cc[:, None, :], he[:, :, None], ce[:, None, :]
    whole = np.where(h1 * c1 - hc**2 > 1e-9 * h1 * c1, h1 * c1 - hc**2, 0)
    both_h, both_c = _ratio(he * c1 - ce * hc, whole), _ratio(ce * h1 - he * hc, whole)
    slopes[0][:, 1:, 1:], slopes[1][:, 1:, 1:] = both_h, both_c
    gains[:, 1:, 1:] = np.where((both_h > 0) & (both_c > 0), both_h * he + both_c * ce, -1)
    return gains, slopes


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 where there is nothing to divide by."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 1e-9)


def _said(
    limits: Limits,
    days: int,
    total: float,
    own: float,
    gained: float,
    heating: tuple[float, float] | None,
    cooling: tuple[float, float] | None,
    bases: tuple[float, float],
) -> Sensitivity:
    if days < limits.least_days:
        return Sensitivity(days, reason="too_few_days")
    gain = gained / total if total > 1e-9 else 0.0
    if gain < limits.least_gain:
        return Sensitivity(days, gain=gain, reason="no_gain")
    return Sensitivity(
        days,
        heating and heating[1],
        cooling and cooling[1],
        heating and heating[0],
        cooling and cooling[0],
        *bases,
        1 - max(0.0, own - gained) / total,
        gain,
    )
