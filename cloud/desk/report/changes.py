"""What makes a second revision: late facts of the month itself. Pure.

What is told as it was when the report was made (tiers, open advice, whether a bill is paid) makes none.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from cloud.desk.report.pieces import RULES, Report

Change = Mapping[str, Any]
"""{"what": …, "before": …, "after": …}: plain JSON, null where there was or is nothing."""


_DECIDED = frozenset({"delivered", "missed"})
"""That a promise came due and cannot be proven is no news worth a revision."""


def digest(report: Report) -> str:
    """Of the month's facts in it."""
    told = json.dumps(facts(report), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def facts(report: Report) -> dict[str, Any]:
    """What is of the month, as plain JSON: of a promise its state, of an order what was done."""
    plain = report.model_dump(mode="json", exclude={"advice", "standings"})
    if plain["billed"] is not None:
        del plain["billed"]["paid_on"]
    plain["promises"] = [[each.part, each.state] for each in report.promises if each.state in _DECIDED]
    for each in plain["orders"]:
        each["state"] = each["state"] == "cancelled"
    return plain


def between(before: Report, after: Report, rules: int) -> list[Change]:
    """What a reader has to know that saw the one before, which was made by these rules."""
    found: list[Change] = [
        {"what": what, "before": one, "after": other}
        for what, told in _TOLD.items()
        if (one := told(before)) != (other := told(after))
    ]
    if rules != RULES:
        found.append({"what": "rules", "before": rules, "after": RULES})
    return found or [{"what": "details", "before": None, "after": None}]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _bill_then(report: Report, against: str) -> str | None:
    return next((str(each.amount) for each in report.bills_then if each.against == against), None)


def _change(report: Report, against: str) -> float | None:
    return next((each.change for each in report.comparisons if each.against == against), None)


def _states(report: Report, state: str) -> int:
    return sum(each.state == state for each in report.promises)


_TOLD: Mapping[str, Callable[[Report], Any]] = {
    "kwh": lambda report: _text(report.use.kwh),
    "coverage": lambda report: report.use.coverage,
    "estimated_share": lambda report: report.use.estimated_share,
    "highest_day": lambda report: _text(report.use.highest_day),
    "peak_kw": lambda report: _text(report.use.peak_kw),
    "bill": lambda report: _text(report.billed and report.billed.amount),
    "bill_month_before": lambda report: _bill_then(report, "month_before"),
    "bill_year_before": lambda report: _bill_then(report, "year_before"),
    "estimate": lambda report: _text(report.estimate.total),
    "cos": lambda report: report.two_part and report.two_part.cos,
    "month_before": lambda report: _change(report, "month_before"),
    "year_before": lambda report: _change(report, "year_before"),
    "promises_kept": lambda report: _states(report, "delivered"),
    "promises_missed": lambda report: _states(report, "missed"),
    "outages": lambda report: len(report.outages),
    "orders": lambda report: len(report.orders),
}
