"""Reactive power shared by the rule about the power factor and the sizing of capacitors."""

from decimal import ROUND_DOWN, Decimal, localcontext

from cloud.tariffs.power_factor import Standard, adjustment, cos_hundredths

_STEP = Decimal("0.001")


def best_cos(standard: Standard) -> int:
    """cos φ in hundredths from which on the table gives no more: what compensation aims at."""
    best = adjustment(standard, 100)
    return next(cos for cos in range(int(standard), 101) if adjustment(standard, cos) == best)


def tangent(cos: int) -> Decimal:
    """tan φ of a cos φ in hundredths, 1 to 100."""
    with localcontext() as context:
        context.prec = 28
        part = Decimal(cos) / 100
        return (1 - part * part).sqrt() / part


def kvarh_for(active_kwh: Decimal, cos: int) -> Decimal:
    """The most reactive energy with which this active energy still has that cos φ."""
    kvarh = (active_kwh * tangent(cos)).quantize(_STEP, rounding=ROUND_DOWN)
    found = cos_hundredths(active_kwh, kvarh)
    assert found is not None
    assert found >= cos
    return kvarh


def kvar(power_kw: Decimal, cos_now: int, cos_then: int) -> Decimal:
    """Q = P · (tan φ₁ − tan φ₂): capacitors that lift cos φ of that power, not below none."""
    needed = power_kw * (tangent(cos_now) - tangent(cos_then))
    return max(Decimal(0), needed.quantize(Decimal("0.1")))
