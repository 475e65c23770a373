"""The credit of accounts out of their bills: pure, for all at once.

Without bills it is unknown, which is no bad credit; a protected household is never worse than watched.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.axes import Credit
from cloud.tiers.rating.facts import Payments
from cloud.tiers.rating.policy import CreditLimits, CreditRule

Bools = NDArray[np.bool_]
ORDER = (Credit.GOOD, Credit.WATCH, Credit.RISK, Credit.UNKNOWN)
_LIMITS = ("days_late", "late_bills", "arrears_days")


def levels(paid: Payments, protected: Bools, rule: CreditRule) -> NDArray[np.int64]:
    """(n,) places in `ORDER`."""
    level = np.where(_reached(paid, rule.risk), 2, np.where(_reached(paid, rule.watch), 1, 0))
    level = np.where(protected, np.minimum(level, 1), level)
    unknown = (paid.bills == 0) & (paid.arrears_days == 0) & np.isnan(paid.runway_days)
    return np.where(unknown, 3, level).astype(np.int64)


def _reached(paid: Payments, limits: CreditLimits) -> Bools:
    found = np.zeros(len(paid.bills), np.bool_)
    for name in _LIMITS:
        found |= getattr(paid, name) >= getattr(limits, name)
    found |= paid.runway_days <= limits.runway_days
    return found


def reasons(paid: Payments, row: int, level: int, protected: bool, rule: CreditRule) -> list[dict[str, Any]]:
    """Why it is so, as codes and numbers."""
    credit = ORDER[level]
    if credit is Credit.UNKNOWN:
        return [{"code": "no_bills"}]
    if credit is Credit.GOOD:
        return [{"code": "in_time", "bills": int(paid.bills[row]), "late_bills": int(paid.late_bills[row])}]
    limits = rule.risk if credit is Credit.RISK else rule.watch
    found: list[dict[str, Any]] = [
        {"input": name, "value": int(getattr(paid, name)[row]), "limit": getattr(limits, name)}
        for name in _LIMITS
        if getattr(paid, name)[row] >= getattr(limits, name)
    ]
    if paid.runway_days[row] <= limits.runway_days:
        value = float(paid.runway_days[row])
        found.append({"input": "runway_days", "value": value, "limit": limits.runway_days})
    return [*found, {"code": "protected"}] if protected else found


def change(paid: Payments, row: int, level: int) -> dict[str, Any] | None:
    """What would make it better: what is owed, first of all."""
    if ORDER[level] not in (Credit.WATCH, Credit.RISK):
        return None
    if paid.arrears_days[row] > 0:
        return {
            "to": ORDER[level - 1].value,
            "code": "pay",
            "owed_cny": round(float(paid.arrears_cny[row]), 2),
        }
    return {"to": ORDER[level - 1].value, "code": "in_time"}
