"""Compensation of reactive power: Q = P · (tan φ1 − tan φ2), worth what the 1983 tables then adjust less.

What runs at night without load is not compensated: units are switched with the load, month by month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from cloud.kit.money import ZERO, total
from cloud.tariffs.power_factor import Standard
from cloud.tiers.advice.equipment.ground import (
    Ground,
    Known,
    confidence,
    cos_of,
    leading_share,
    year_of,
)
from cloud.tiers.advice.equipment.hours import typical_kw
from cloud.tiers.advice.equipment.offers import judged, worth_a_word
from cloud.tiers.advice.pricing import Change
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.product_facts import Answer
from cloud.tiers.advice.reactive import best_cos, tangent
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Reason, Refused

KIND = Aim.POWER_FACTOR.value
KVAR_STEP = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Lacking:
    """A month's reactive energy above what the target leaves; `on_h` are the hours that its load is on."""

    month: date
    active_kwh: Decimal
    import_kvarh: Decimal
    export_kvarh: Decimal
    on_h: Decimal
    surplus_kvarh: Decimal

    @property
    def kvar(self) -> Decimal:
        return self.surplus_kvarh / self.on_h

    def left(self, kvar: Decimal) -> Decimal:
        """|Q+| + |Q-| of the month with so much switched with the load: never below nothing."""
        return max(ZERO, self.import_kvarh - kvar * self.on_h) + self.export_kvarh


def capacitor(ground: Ground, facts: Facts) -> Advice | Refused | None:
    limits, standard = ground.policy.capacitor, facts.contract.standard
    if standard is None:
        return None
    months = year_of(ground, KIND, facts, limits.least_months)
    if isinstance(months, Refused):
        return months
    if any(each.reactive_kvarh is None for each in months):
        return Refused(KIND, facts.account, Reason.REACTIVE_UNKNOWN)
    cos = [cos_of(facts, each) for each in months]
    below = sum(each is not None and each < standard for each in cos)
    if below < limits.below_months:
        return None
    share = leading_share(months)
    if share is not None and share >= limits.leading_share:
        params = {"share": round(share, 4), "limit": limits.leading_share}
        return Refused(KIND, facts.account, Reason.LEADING, params)
    target = best_cos(Standard(standard))
    lacking = _lacking(facts, months, target, limits.on_share)
    need = max((each.kvar for each in lacking), default=ZERO).quantize(KVAR_STEP)

    def makes(_: Product, units: Decimal) -> tuple[Change, Mapping[str, Any]]:
        left = {each.month: each.left(units).quantize(Decimal("0.001")) for each in lacking}
        return Change(reactive_kvarh=left), {"kvar": f"{units:f}"}

    ramp = Known(ground, facts, {}).get("ramp_share")
    known: dict[str, Answer | None] = {"kvar": need, "leading_at_night": False, "ramp_share": ramp or ZERO}
    found = judged(ground, facts, Aim.POWER_FACTOR, months, known, makes)
    if isinstance(found, Refused):
        return found
    if found.best is None:
        return found.refused(KIND, facts)
    best = found.best
    if refused := worth_a_word(ground, KIND, facts, best.saving):
        return refused
    worst = max(lacking, key=lambda each: each.kvar)
    evidence = {
        "standard": standard,
        "target": target,
        "months": len(months),
        "below": below,
        "cos": {f"{each.month:%Y-%m}": one for each, one in zip(months, cos, strict=True)},
        "worst": f"{worst.month:%Y-%m}",
        "on_h": f"{worst.on_h:f}",
        "power_kw": f"{(worst.active_kwh / worst.on_h):.1f}",
        "leading_share": share,
        "kvar": f"{need:f}",
        "products": found.as_json(),
    }
    return Advice(
        KIND,
        facts.account,
        evidence,
        best.saving,
        _formula(worst, target, best.bills.now.total, best.bills.then.total),
        best.bills,
        confidence(months, assumed=share is None or ramp is None),
        ground.valid_until(facts),
        (*(("check_night",) if share is None else ()), *(("check_ramps",) if ramp is None else ())),
    )


def _formula(worst: Lacking, target: int, now: Decimal, then: Decimal) -> str:
    power = worst.active_kwh / worst.on_h
    tan_now = (worst.import_kvarh + worst.export_kvarh) / worst.active_kwh
    return (
        f"Q = P·(tanφ1 − tanφ2) = {power:.1f} × ({tan_now:.4f} − {tangent(target):.4f})"
        f" = {worst.kvar:.1f} kvar; {now:.2f} − {then:.2f} = {now - then:.2f} CNY"
    )


def _lacking(facts: Facts, months: Sequence[MonthUse], target: int, on_share: float) -> list[Lacking]:
    tan, share = tangent(target), _on_share(facts, on_share)
    found = []
    for month in months:
        active = total(part.total_kwh for part in month.kwh.get(facts.contract.plan, ()))
        back = month.reactive_export_kvarh or ZERO
        drawn = month.reactive_import_kvarh or ZERO
        on_h = (Decimal(24 * month.days) * share).quantize(Decimal("0.1"))
        surplus = max(ZERO, drawn + back - active * tan)
        found.append(Lacking(month.month, active, drawn, back, on_h, surplus))
    return found


def _on_share(facts: Facts, least: float) -> Decimal:
    """Of the time, how much the load is on: by the typical working day; all of it where there is none."""
    profile = facts.profile
    kw = typical_kw(profile.work.kw) if profile and profile.work else None
    if kw is None or kw.max() <= 0:
        return Decimal(1)
    return Decimal(max(0.1, float((kw >= least * kw.max()).mean()))).quantize(Decimal("0.0001"))
