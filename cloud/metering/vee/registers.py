"""Register arithmetic: how far a register went on from one value to the next, or that nobody knows.

A fall is a roll-over only where that is near at hand; an exchange only where it is declared; otherwise there
is no number: nobody takes a fall for a reset to 0.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from protocols.points import MeterModel

_DLT645_WH = 10**9
"""XXXXXX.XX kWh: six digits before the point."""
_PAST_HALF = 0.5
_INTEGERS = {"u16": 16, "u32": 32, "u48": 48, "u64": 64, "s16": 15, "s32": 31, "s64": 63}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A declared exchange or change of ratio at a point, with the registers' own values in Wh where known.

    At a change of ratio both are of the one register that goes on.
    """

    at_ms: int
    removed_wh: int | None
    installed_wh: int | None


def modulus_wh(model: MeterModel, quantity: str) -> int | None:
    """Where this register of the model begins at 0 again, in its own Wh; None: it never does, or who knows.

    A value that is given as a float, or with a scale of its own, has no digits to roll over.
    """
    point = model.point(quantity)
    if point is None or point.scale_register is not None:
        return None
    if point.di:
        return _DLT645_WH
    bits = _INTEGERS.get(point.type)
    if bits is None or bits > 53:
        return None
    return int(Decimal(2**bits) * point.scale * point.factor)


def advances(
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    most: NDArray[np.float64],
    modulus: NDArray[np.float64],
) -> NDArray[np.float64]:
    """From `start` to `end`, all of one shape, Wh; NaN where one is unknown or the fall is unexplained.

    `most`: what can have passed in that time; `modulus`: NaN where a register does not roll over.
    """
    with np.errstate(invalid="ignore"):
        plain = end - start
        rolled = modulus + plain
        rolls = (plain < 0) & (rolled <= most) & (rolled >= 0) & (start > _PAST_HALF * modulus)
        return np.where(plain >= 0, plain, np.where(rolls, rolled, np.nan))
