"""Which months a rule may stand on, what it may say of them, and how sure of itself it may be."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from cloud.tariffs.bill import plain
from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.rules import Advice, Confidence, Facts, MonthUse, Reason, Refused, TwoBills

Checked = Callable[[AdvicePolicy, Facts], Advice | Refused | None]


def usable(policy: AdvicePolicy, facts: Facts) -> tuple[MonthUse, ...]:
    """The last months without a hole, at most 12: each covered well enough."""
    found: list[MonthUse] = []
    for month in reversed(facts.year):
        if month.coverage < policy.data.coverage:
            break
        found.append(month)
    return tuple(reversed(found))


def few(kind: str, facts: Facts, months: Sequence[MonthUse], need: int) -> Refused | None:
    if len(months) >= need:
        return None
    return Refused(kind, facts.account, Reason.FEW_MONTHS, {"have": len(months), "need": need})


def guessed(kind: str, facts: Facts, months: Sequence[MonthUse], limit: float) -> Refused | None:
    """Too much of it was estimated."""
    share = estimated_share(months)
    if share <= limit:
        return None
    return Refused(kind, facts.account, Reason.ESTIMATED, {"share": round(share, 3), "limit": limit})


def estimated_share(months: Sequence[MonthUse]) -> float:
    days = [month.days for month in months]
    return sum(month.estimated * each for month, each in zip(months, days, strict=True)) / max(1, sum(days))


def told(
    kind: str,
    policy: AdvicePolicy,
    facts: Facts,
    months: Sequence[MonthUse],
    bills: TwoBills | Refused,
    formula: str,
    evidence: Mapping[str, Any],
    *,
    needs: tuple[str, ...] = (),
    confidence: Confidence | None = None,
) -> Advice | Refused | None:
    """The advice, where the bills are apart by enough; the formula ends with both totals."""
    if isinstance(bills, Refused):
        return bills
    if bills.saving < policy.least_saving:
        return None
    guess = estimated_share(months)
    sure = Confidence.HIGH if len(months) >= 12 and guess < 0.01 else Confidence.MEDIUM
    data = {
        "months": len(months),
        "first": f"{months[0].first}",
        "last": f"{months[-1].last}",
        "coverage": round(min(month.coverage for month in months), 4),
        "estimated": round(guess, 4),
    }
    ends = f"{bills.now.total:.2f} − {bills.then.total:.2f} = {bills.saving:.2f} CNY"
    return Advice(
        kind, facts.account, {**data, **evidence}, bills.saving, f"{formula}; {ends}", bills,
        confidence or sure, facts.today + timedelta(days=policy.valid_days), needs,
    )  # fmt: skip


def number(value: Decimal) -> str:
    return plain(value.normalize())
