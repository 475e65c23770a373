"""Quality of supply (§ 电能质量): imbalance of currents, share of voltage within limits, power factor.

Two definitions of imbalance are in use and differ: whoever shows one names it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels import quality as kernels

Floats = NDArray[np.float64]


class Definition(StrEnum):
    """Of imbalance (三相不平衡度)."""

    MAX_MIN = "max_min"
    """(Imax - Imin) / Imax: the distribution operating code of grid companies."""
    MEAN_DEVIATION = "mean_deviation"
    """max |I - mean| / mean: as IEC and NEMA put it."""


@dataclass(frozen=True, slots=True)
class Imbalances:
    """(n,) each, by both definitions; NaN where a phase is missing, no current flows or the load is low."""

    max_min: Floats
    mean_deviation: Floats

    def by(self, definition: Definition) -> Floats:
        return self.max_min if definition is Definition.MAX_MIN else self.mean_deviation


def imbalance(currents: NDArray[np.float64], load: Floats | None = None, gate: float = 0.3) -> Imbalances:
    """Of `currents` (n, 3) A; `load` (n,) as a share of the rated one: only above `gate` there is a figure.

    Tiny currents are 100 % out of balance and mean nothing. A load of NaN is not above any gate.
    """
    max_min, deviation = np.empty(len(currents)), np.empty(len(currents))
    kernels.imbalance(np.ascontiguousarray(currents), max_min, deviation)
    if load is not None:
        low = ~(load > gate)
        max_min[low] = deviation[low] = np.nan
    return Imbalances(max_min, deviation)


@dataclass(frozen=True, slots=True)
class Qualification:
    """电压合格率, (rows,) each: `rate` 1 - (over + under) / monitored, NaN where nothing was monitored.

    Minutes missing or without supply are in no denominator. Source: GB/T 12325-2008.
    """

    rate: Floats
    monitored_min: Floats
    over_min: Floats
    under_min: Floats
    outage_min: Floats
    lowest_v: Floats
    highest_v: Floats


def voltage(
    volts: NDArray[np.float64],
    minutes: Floats,
    row: NDArray[np.int64],
    low: Floats,
    high: Floats,
    dark: Floats,
) -> Qualification:
    """Readings `volts` (n, phases) V, each good for `minutes` (n,), of the monitored points `row` (n,).

    `low`, `high`, `dark` (rows,) V are each point's limits; any phase beyond them is beyond.
    """
    out, extremes = np.zeros((len(low), 4)), np.tile([np.inf, -np.inf], (len(low), 1))
    kernels.voltage(np.ascontiguousarray(volts), minutes, row, low, high, dark, out, extremes)
    monitored, over, under, outage = out.T
    beyond = np.divide(over + under, monitored, out=np.full(len(low), np.nan), where=monitored > 0)
    lowest, highest = np.where(np.isfinite(extremes), extremes, np.nan).T
    return Qualification(1 - beyond, monitored, over, under, outage, lowest, highest)


def power_factor(active: Floats, reactive: Floats) -> Floats:
    """cos φ = Wp / √(Wp² + Wq²) from energies of a period, kWh and kvarh; never a mean of momentary values.

    `reactive` is |Q+| + |Q-|: over-compensation counts. NaN where nothing was drawn or one is missing.
    """
    apparent = np.hypot(active, reactive)
    found: Floats = np.full(apparent.shape, np.nan)
    np.divide(active, apparent, out=found, where=apparent > 0)
    return found
