"""The power-factor adjustment (力调电费): what cos φ below the standard costs against the table's best."""

from decimal import Decimal

from cloud.kit.money import total
from cloud.tariffs.power_factor import Standard, adjustment, cos_hundredths
from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.pricing import Change, on_market, two_bills
from cloud.tiers.advice.reactive import best_cos, kvar, kvarh_for
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Reason, Refused
from cloud.tiers.advice.tariff.months import guessed, told, usable

KIND = "power_factor"


def power_factor(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """The table's difference on basic and energy charge, by month; months without Q stay as they are."""
    if facts.contract.standard is None:
        return None
    standard, months = Standard(facts.contract.standard), usable(policy, facts)
    found = {month.month: cos for month in months if (cos := cos_of(month, facts.contract.plan)) is not None}
    if not found:
        return Refused(KIND, facts.account, Reason.REACTIVE_UNKNOWN) if months else None
    low = [month for month in months if found.get(month.month, 100) < standard]
    if len(low) < policy.power_factor.trigger_months:
        return None
    share = leading_share(months)
    if share > policy.power_factor.leading:
        params = {"share": round(share, 3), "limit": policy.power_factor.leading}
        return Refused(KIND, facts.account, Reason.LEADING, params)
    if on_market(facts):
        return Refused(KIND, facts.account, Reason.MARKET_PRICE)
    if refused := guessed(KIND, facts, months, policy.data.estimated):
        return refused
    aim = best_cos(standard)
    then = {
        month.month: kvarh_for(kwh_of(month, facts.contract.plan), aim)
        for month in months
        if found.get(month.month, 100) < aim
    }
    bills = two_bills(KIND, facts, months, Change(reactive_kvarh=then))
    worst = min(low, key=lambda month: found[month.month])
    mean_kw = kwh_of(worst, facts.contract.plan) / (24 * worst.days)
    percent = [adjustment(standard, found[month]) for month in then]
    evidence = {
        "standard": f"{Decimal(int(standard)) / 100:.2f}", "aim": f"{Decimal(aim) / 100:.2f}",
        "cos": {f"{month}": f"{Decimal(cos) / 100:.2f}" for month, cos in found.items()},
        "months_below": len(low), "kvar_at_mean_load": f"{kvar(mean_kw, found[worst.month], aim)}",
    }  # fmt: skip
    formula = (
        f"Σ {len(then)} × (k(cos φ) − k({Decimal(aim) / 100:.2f})) × (B + E − F), "
        f"k {min(percent):+.2f} … {max(percent):+.2f} % → {adjustment(standard, aim):+.2f} %; "
        f"Q = {mean_kw:.1f} kW × (tan φ₁ − tan φ₂) = {evidence['kvar_at_mean_load']} kvar"
    )
    return told(KIND, policy, facts, months, bills, formula, evidence, needs=("capacitor",))


def cos_of(month: MonthUse, plan: str) -> int | None:
    """cos φ of a month in hundredths; None where either energy is not known."""
    kvarh = month.reactive_kvarh
    if kvarh is None or plan not in month.kwh:
        return None
    return cos_hundredths(kwh_of(month, plan), kvarh)


def kwh_of(month: MonthUse, plan: str) -> Decimal:
    return month.total_kwh(plan)


def leading_share(months: tuple[MonthUse, ...]) -> float:
    """Of all reactive energy that is known, what was fed back: capacitive."""
    both = [month for month in months if month.reactive_kvarh]
    whole = total(month.reactive_kvarh or Decimal(0) for month in both)
    back = total(month.reactive_export_kvarh or Decimal(0) for month in both)
    return float(back / whole) if whole else 0.0
