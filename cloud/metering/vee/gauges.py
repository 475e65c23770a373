"""What the gauges of a day say of their meters: V03 and V15, looked for in all meters at once.

Most meters are sound: only those are looked at one by one of which some moment is doubtful.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.metering.store import Columns
from cloud.metering.vee import rules_context
from cloud.metering.vee.findings import Finding
from cloud.metering.vee.grid import Grid
from cloud.metering.vee.policy import VeePolicy

CLOCK = "clock_offset_s"
PHASES = (
    "power_w",
    *(name.format(f"l{n}") for n in (1, 2, 3) for name in ("voltage_{}_v", "current_{}_a", "power_{}_w")),
)
GAUGES = (CLOCK, *PHASES)
_Floats = NDArray[np.float64]


def doubtful(gauges: Mapping[str, Columns], meters: int, policy: VeePolicy) -> frozenset[int]:
    """The indexes of those of so many meters of which `found` may have something to say."""
    clock = gauges[CLOCK]
    off = np.abs(clock.values.astype(np.float64)) > policy.clock.warn_s
    keys, values = _together([gauges[name] for name in PHASES])
    bad = rules_context.off_phase(values, len(keys), policy)
    often = np.bincount(keys[bad] >> _AT_BITS, minlength=meters) >= policy.phases.at_least
    return frozenset([*clock.meter[off].tolist(), *np.flatnonzero(often).tolist()])


_AT_BITS = 42
"""Of Unix ms, good until the year 2109."""


def _together(columns: Sequence[Columns]) -> tuple[NDArray[np.int64], dict[str, _Floats]]:
    """Every (meter, moment) at which any was read, as one number, and each gauge then; NaN: not read."""
    known = {each.quantity: each for each in columns if len(each)}
    keys = {name: (each.meter.astype(np.int64) << _AT_BITS) + each.at_ms for name, each in known.items()}
    first = next(iter(keys.values()), np.empty(0, np.int64))
    if all(np.array_equal(each, first) for each in keys.values()):  # one reading has them all
        return first, {name: each.values.astype(np.float64) for name, each in known.items()}
    moments = np.unique(np.concatenate(list(keys.values())))
    return moments, {name: _at(moments, keys[name], each.values) for name, each in known.items()}


def _at(moments: NDArray[np.int64], at: NDArray[np.int64], values: _Floats) -> _Floats:
    place = np.clip(np.searchsorted(at, moments), 0, len(at) - 1)
    return np.where(at[place] == moments, values[place], np.nan)


def found(gauges: Mapping[str, Columns], meter: int, day: Grid, policy: VeePolicy) -> list[Finding]:
    """What one meter's gauges say of its day."""
    given: list[Finding] = []
    clock = _of(gauges[CLOCK], meter, day)
    if len(clock):
        given += rules_context.clock(clock.values.astype(np.float64), _slots(clock.at_ms, day), policy)
    moments, values = _together([_of(gauges[name], meter, day) for name in PHASES])
    at_ms = moments & ((1 << _AT_BITS) - 1)
    return given + rules_context.phases(values, _slots(at_ms, day), policy)


def _slots(at_ms: NDArray[np.int64], day: Grid) -> NDArray[np.int64]:
    return np.asarray((at_ms - day.bounds_ms[0]) // (day.interval_s * 1000))


def _of(columns: Columns, meter: int, day: Grid) -> Columns:
    """One meter's within the day, of each instant the preferred source alone."""
    part = slice(*np.searchsorted(columns.meter, [meter, meter + 1]))
    at = columns.at_ms[part]
    inside = (at >= day.bounds_ms[0]) & (at < day.bounds_ms[-1])
    inside[1:] &= at[1:] != at[:-1]
    return Columns(
        columns.quantity,
        columns.meter[part][inside],
        at[inside],
        columns.source[part][inside],
        columns.quality[part][inside],
        columns.values[part][inside],
    )
