"""Money is Decimal yuan. Rounding has a name, and a line of a bill is rounded once."""

from collections.abc import Iterable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum

CENT = Decimal("0.01")
ZERO = Decimal(0)


class Rounding(StrEnum):
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"


_MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
}


def rounded(amount: Decimal, how: Rounding = Rounding.HALF_UP, to: Decimal = CENT) -> Decimal:
    """`amount` to a multiple of `to`, a power of ten; half_up goes away from zero."""
    return amount.quantize(to, rounding=_MODES[how])


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
