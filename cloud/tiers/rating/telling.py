"""Puts a judgement into rows: each decision with its inputs, their hash, its reasons and the nearest change.

Codes and numbers only; the words are the page's. Nothing in it is another customer's: a value that would move
a tier is rounded away from theirs, and a percentile is among ten or more.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloud.tiers.rating import credit, scores
from cloud.tiers.rating.criteria import Condition
from cloud.tiers.rating.facts import Facts
from cloud.tiers.rating.inputs import INPUTS, NAMES, CustomerClass
from cloud.tiers.rating.judging import Judged, Past, effective
from cloud.tiers.rating.machine import NONE, ORDER, Event
from cloud.tiers.rating.policy import Rule
from cloud.tiers.rating.store import UNRATED, Reason

_UNITS = [INPUTS[name].unit for name in NAMES]
_encode = msgspec.json.Encoder().encode


class Teller:
    """Rows of `tier_decision` out of a judgement; what is the same for many is looked up once."""

    def __init__(self, facts: Facts, past: Past, judged: Judged, rule: Rule, month: date) -> None:
        self._facts, self._past, self._judged, self._rule, self._month = facts, past, judged, rule, month
        self._from = effective(month)
        self._table = _shortened(facts.table)
        self._top = scores.top(judged.parts, judged.q).tolist()
        self._q, self._parts = np.round(judged.q, 2).tolist(), np.round(judged.parts, 4).tolist()
        self._hashes = _hashes(facts, rule)
        self._rated = {each.value for each in CustomerClass}

    def rows(self, at: datetime, some: Sequence[int] | None = None) -> Iterator[dict[str, Any]]:
        """Of all accounts, or those in these places."""
        for row in range(len(self._facts.accounts)) if some is None else some:
            yield self._row(row, at)

    def _row(self, row: int, at: datetime) -> dict[str, Any]:
        facts, past, judged = self._facts, self._past, self._judged
        tier = int(judged.value[row])
        value = UNRATED if tier == NONE else ORDER[tier].value
        level = int(judged.credit[row])
        stands = credit.ORDER[level].value
        sub = self._sub(row)
        shape, shape_since = self._shape(row)
        before = past.value[row]
        value_since = past.value_since[row] if before == tier else None
        return {
            "account": facts.accounts[row],
            "month": self._month,
            "at": at,
            "rule": self._rule.version,
            "inputs": self._hashes[row],
            "provisional": bool(judged.provisional[row]),
            "score": _none(float(judged.score[row])),
            "class": facts.classes[row],
            "sub": sub,
            "sub_since": self._kept(past.sub[row], past.sub_since[row], sub),
            "value": value,
            "value_since": value_since or self._from,
            "credit": stands,
            "credit_since": self._kept(past.credit[row], past.credit_since[row], stands),
            "shape": shape,
            "shape_since": shape_since,
            "detail": _encode(self._detail(row, tier, level)).decode(),
        }

    def _kept(self, before: str | None, since: date | None, now: str | None) -> date:
        return since if since is not None and before == now else self._from

    def _sub(self, row: int) -> str | None:
        tiers = self._rule.sub.get(CustomerClass(self._facts.classes[row])) if self._class(row) else None
        place = int(self._judged.sub[row])
        return None if tiers is None or place < 0 else tiers[place].id

    def _class(self, row: int) -> bool:
        return self._facts.classes[row] in self._rated

    def _shape(self, row: int) -> tuple[str | None, date | None]:
        """A new one counts when it held for the policy's months, the first at once."""
        now, before = self._facts.shapes[row], self._past.shape[row]
        since = self._past.shape_since[row]
        if now is None or now.name == before:
            return before, since
        held = now.months >= self._rule.hysteresis.shape_months
        return (now.name, self._from) if before is None or held else (before, since)

    def _detail(self, row: int, tier: int, level: int) -> dict[str, Any]:
        facts, judged = self._facts, self._judged
        known = {
            name: value for name, value in zip(NAMES, self._table[row], strict=True) if value is not None
        }
        reasons: dict[str, list[Reason]] = {
            "class": self._of_class(row),
            "value": self._of_value(row, tier),
            "credit": credit.reasons(
                facts.payments, row, level, bool(facts.protected[row]), self._rule.credit
            ),
        }
        if (shape := facts.shapes[row]) is not None:
            reasons["shape"] = [{"code": "most_days", "shape": shape.name, "value": round(shape.share, 2)}]
        changes = {
            "value": self._change(row, tier),
            "credit": credit.change(facts.payments, row, level),
        }
        return {
            "inputs": known,
            "reasons": reasons,
            "changes": {axis: each for axis, each in changes.items() if each is not None},
            "coverage": round(float(judged.coverage[row]), 3),
            "compared": int(judged.compared[row]),
        }

    def _of_class(self, row: int) -> list[Reason]:
        if not self._class(row):
            return [{"code": "not_rated"}]
        tiers = self._rule.sub[CustomerClass(self._facts.classes[row])]
        place = int(self._judged.sub[row])
        found = [
            {"input": name, "value": self._value(row, name)} | _limits(condition)
            for name, condition in tiers[place].when.items()
        ] or [{"code": "no_other"}]
        fitting = int(self._judged.fitting[row])
        return found if fitting == place else [*found, {"code": "dwell", "next": tiers[fitting].id}]

    def _of_value(self, row: int, tier: int) -> list[Reason]:
        if tier == NONE or np.isnan(self._judged.score[row]):
            few = self._judged.compared[row] == 0
            return [{"code": "too_few" if few and self._class(row) else "too_little_known"}]
        return [
            {
                "input": NAMES[place],
                "value": self._table[row][place],
                "unit": _UNITS[place],
                "percentile": self._q[row][place],
                "part": self._parts[row][place],
            }
            for place in self._top[row]
            if place >= 0
        ]

    def _change(self, row: int, tier: int) -> dict[str, Any] | None:
        """What would bring the next better tier; of the best, what would lose it."""
        judged, agreed = self._judged, self._rule.hysteresis
        if tier == NONE or np.isnan(judged.score[row]):
            return None
        to = ORDER[tier - 1 if tier > 0 else 1].value
        found: dict[str, Any] = {"to": to}
        need, of = agreed.promote if tier > 0 else agreed.demote
        place = int(judged.wants[row])
        if place >= 0:
            value = float(judged.wanted[row])
            found |= {"input": NAMES[place], "now": self._table[row][place], "value": _short(value)}
            found |= {"unit": _UNITS[place], "months": [need, of]}
        elif self._passed(row, tier):
            found |= {"code": "wait", "months": [need, of], "dwell": agreed.dwell_months}
        else:
            found |= {"code": "several"}
        return found

    def _passed(self, row: int, tier: int) -> bool:
        """The score is beyond the cut already: what is missing is time."""
        judged = self._judged
        if judged.event[row] != Event.STAY:
            return True
        score, cuts, width = judged.score[row], judged.cuts[row], judged.margin[row]
        return bool(score < cuts[0] - width if tier == 0 else score > cuts[tier - 1] + width)

    def _value(self, row: int, name: str) -> float | None:
        return self._table[row][NAMES.index(name)]


def _limits(condition: Condition) -> dict[str, Any]:
    found = {"at_least": condition.at_least, "below": condition.below, "is": condition.is_}
    return {name: value for name, value in found.items() if value is not None}


def _none(value: float) -> float | None:
    return None if value != value else value


def _short(value: float) -> float | None:
    """Four figures; NaN is None."""
    if value != value:
        return None
    found = float(f"{value:.4g}")
    return int(found) if found.is_integer() else found


def _shortened(table: NDArray[np.float64]) -> list[list[float | None]]:
    """Four figures; NaN is None."""
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = np.nan_to_num(3 - np.floor(np.log10(np.abs(table))), nan=0, posinf=0, neginf=0)
        fine, coarse = 10.0 ** np.maximum(digits, 0), 10.0 ** np.maximum(-digits, 0)
        rounded = np.round(table / coarse * fine) / fine * coarse
    found = rounded.astype(object)
    found[np.isnan(rounded)] = None
    told: list[list[float | None]] = found.tolist()
    return told


def _hashes(facts: Facts, rule: Rule) -> list[str]:
    """Of each account what was judged of it, and by which rule."""
    paid = facts.payments
    numbers = np.column_stack(
        [facts.table, facts.valid_days, paid.bills, paid.late_bills, paid.days_late, paid.arrears_days]
    ).astype("<f8")
    found = []
    for row, content in enumerate(numbers):
        head = f"{rule.version}\0{facts.classes[row]}\0{facts.voltages[row]}\0{facts.protected[row]}".encode()
        found.append(hashlib.blake2b(head + content.tobytes(), digest_size=12).hexdigest())
    return found
