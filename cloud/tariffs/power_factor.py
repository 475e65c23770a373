"""Power-factor adjustment (力调电费) after (83)水电财字215号: percent by hundredths of cos φ, as tables.

The column of 0.85 was read in a reproduced printed table, those of 0.90 and 0.80 in a public implementation
that agrees with it in form; a station checks them against its own print. Percent are kept in hundredths.
"""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import IntEnum


class Standard(IntEnum):
    """cos φ in hundredths that a customer is held to."""

    HIGH = 90
    USUAL = 85
    FARM = 80


_BEST = {Standard.HIGH: (95, -75), Standard.USUAL: (94, -110), Standard.FARM: (92, -130)}
"""From this cos φ on, the best reward there is."""
_REWARDS = {
    Standard.HIGH: {94: -60, 93: -45, 92: -30, 91: -15, 90: 0},
    Standard.USUAL: {93: -95, 92: -80, 91: -65, 90: -50, 89: -40, 88: -30, 87: -20, 86: -10, 85: 0},
    Standard.FARM: {
        91: -115, 90: -100, 89: -90, 88: -80, 87: -70, 86: -60, 85: -50, 84: -40, 83: -30, 82: -20, 81: -10,
        80: 0,
    },
}  # fmt: skip
_HALF_STEPS = 20
"""So many hundredths below the standard cost half a percent each, five more one each, all below two each."""


def adjustment(standard: Standard, cos_hundredths: int) -> Decimal:
    """Percent of basic and energy charge: below zero a reward. ValueError unless 0 <= cos <= 100."""
    if not 0 <= cos_hundredths <= 100:
        raise ValueError(f"cos φ of {cos_hundredths} hundredths")
    best_from, best = _BEST[standard]
    if cos_hundredths >= best_from:
        return Decimal(best) / 100
    if cos_hundredths >= standard:
        return Decimal(_REWARDS[standard][cos_hundredths]) / 100
    return Decimal(_penalty(standard - cos_hundredths)) / 100


def _penalty(below: int) -> int:
    """Hundredths of a percent for so many hundredths below the standard."""
    halves = min(below, _HALF_STEPS)
    ones = min(max(below - _HALF_STEPS, 0), 5)
    twos = max(below - _HALF_STEPS - 5, 0)
    return halves * 50 + ones * 100 + twos * 200


def cos_hundredths(active_kwh: Decimal, reactive_kvarh: Decimal) -> int | None:
    """cos φ of a month from its energies, rounded half up; None where nothing active was used.

    Reactive is |Q+| + |Q-|: over-compensation counts as well (same document).
    """
    if active_kwh < 0 or reactive_kvarh < 0:
        raise ValueError(f"{active_kwh} kWh, {reactive_kvarh} kvarh: energies are not negative")
    if not active_kwh:
        return None
    with localcontext() as context:
        context.prec = 40
        cos = active_kwh / (active_kwh**2 + reactive_kvarh**2).sqrt()
        return int((cos * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
