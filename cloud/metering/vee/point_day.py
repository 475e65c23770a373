"""One metering point on one local day: final values, what is doubtful, and how each came to be."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum, IntFlag, StrEnum

import numpy as np
from numpy.typing import NDArray


class Channel(StrEnum):
    """What the slots of a day hold; each from the register of the same direction."""

    IMPORT = "energy_import_wh"
    EXPORT = "energy_export_wh"
    REACTIVE_IMPORT = "reactive_energy_import_varh"
    REACTIVE_EXPORT = "reactive_energy_export_varh"


class Flag(IntFlag):
    """One bit per rule V01 to V20, then what is no rule; never reorder, only append."""

    GAP = 1 << 0
    DUPLICATE = 1 << 1
    CLOCK = 1 << 2
    INTERVAL_SIZE = 1 << 3
    NEGATIVE = 1 << 4
    ZERO_RUN = 1 << 5
    FROZEN = 1 << 6
    SPIKE = 1 << 7
    CAP = 1 << 8
    STEP = 1 << 9
    HIGH_LOW = 1 << 10
    SUM_CHECK = 1 << 11
    REGISTER_FALL = 1 << 12
    MULTIPLIER = 1 << 13
    PHASES = 1 << 14
    REACTIVE = 1 << 15
    INACTIVE_USE = 1 << 16
    SIBLING = 1 << 17
    PROLONGED = 1 << 18
    FUTURE_PAST = 1 << 19
    OUTAGE = 1 << 20
    MD_ESTIMATED = 1 << 21
    """An estimate is this day's highest: no maximum demand may be taken from it."""
    EXCHANGE = 1 << 22
    """The meter or its ratio was changed within this slot."""


class Method(IntEnum):
    """How the final value of a slot came to be; never reorder, only append."""

    MISSING = 0
    MEASURED = 1
    OUTAGE_ZERO = 2
    REGISTER_SHAPED = 3
    INTERPOLATED = 4
    LIKE_DAY = 5
    CLASS_PROFILE = 6
    MANUAL = 7
    IMPORTED = 8


ESTIMATES = frozenset({Method.REGISTER_SHAPED, Method.INTERPOLATED, Method.LIKE_DAY, Method.CLASS_PROFILE})
"""What was not measured and not said by a person; an outage's zero is none of them."""


Known = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PointDay:
    """One local day of one channel of one point, in primary values.

    `slots` is 92, 96 or 100 at 15 min, or other at other `interval_s`; slot i begins at `start` + i x
    interval. `final_wh` float64 with NaN where missing; `flags` uint32; `method` uint8 (`Method`): each of
    shape (slots,).
    `references` are the days whose shape an estimate of this one was made after. `first_known`, `last_known`:
    (boundary, register in Wh) where the register is known first and last; boundary i begins slot i.
    """

    point: str
    channel: Channel
    day: date
    start: datetime
    interval_s: int
    final_wh: NDArray[np.float64]
    flags: NDArray[np.uint32]
    method: NDArray[np.uint8]
    register_start_wh: int | None = None
    register_end_wh: int | None = None
    revision: int = 0
    references: tuple[date, ...] = ()
    first_known: Known | None = None
    last_known: Known | None = None

    @property
    def slots(self) -> int:
        return len(self.final_wh)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.slots * self.interval_s)
