"""Decides how a debt is paid in parts: how a plan moves, how its amount is split, who may have one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from cloud.kit.errors import Conflict, Invalid
from cloud.kit.money import CENT, total
from cloud.kit.states import Machine
from cloud.tiers.entitlements.rules import Entitlements


class PlanState(StrEnum):
    OFFERED = "offered"
    AGREED = "agreed"
    RUNNING = "running"
    KEPT = "kept"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"


class PlanEvent(StrEnum):
    """`begin` with the first payment or the first due day; `finish` when all is paid; `miss` when an
    instalment is later than its grace; `withdraw` an offer: declined, taken back or lapsed."""

    AGREE = "agree"
    BEGIN = "begin"
    FINISH = "finish"
    MISS = "miss"
    WITHDRAW = "withdraw"


_S, _E = PlanState, PlanEvent
PLAN: Machine[PlanState, PlanEvent] = Machine(
    "a payment plan",
    {
        (_S.OFFERED, _E.AGREE): _S.AGREED,
        (_S.OFFERED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.AGREED, _E.BEGIN): _S.RUNNING,
        (_S.AGREED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.RUNNING, _E.FINISH): _S.KEPT,
        (_S.RUNNING, _E.MISS): _S.BROKEN,
    },
)
OPEN = frozenset({_S.OFFERED, _S.AGREED, _S.RUNNING})
SUPPRESSING = frozenset({_S.AGREED, _S.RUNNING})
"""While a plan stands so, nobody is reminded of what it covers."""


@dataclass(frozen=True, slots=True)
class Instalment:
    number: int
    due_on: date
    amount: Decimal
    paid_on: date | None = None


def split(amount: Decimal, parts: int, first_due: date) -> list[Instalment]:
    """`amount` in parts whole to the cent that differ by one cent at most, the larger first, due on the same
    day of months that follow. Invalid: the amount has no cents to split so, or nothing is owed."""
    if amount <= 0 or amount != amount.quantize(CENT):
        raise Invalid(f"{amount} yuan cannot be split: give an amount above 0 in whole cents")
    if parts < 1 or amount < parts * CENT:
        raise Invalid(f"{amount} yuan cannot be split into {parts} parts")
    each = (amount / parts).quantize(CENT, rounding=ROUND_DOWN)
    left = int((amount - each * parts) / CENT)
    return [
        Instalment(n + 1, _months_later(first_due, n), each + (CENT if n < left else 0)) for n in range(parts)
    ]


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last."""
    number = day.year * 12 + day.month - 1 + months
    first = date(number // 12, number % 12 + 1, 1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return min(first + timedelta(days=day.day - 1), last)


def check_offer(entitlements: Entitlements, amount: Decimal, parts: int) -> None:
    """Conflict: this account's entitlements do not allow it, and why."""
    if entitlements.instalments == 0:
        raise Conflict("no payment plan is promised to this account, for its class or its credit")
    if not 2 <= parts <= entitlements.instalments:
        raise Conflict(f"{parts} parts: this account may pay in 2 to {entitlements.instalments}")
    least = entitlements.least_instalment
    assert least is not None, "who may pay by instalments has a least amount"
    if amount / parts < least:
        raise Conflict(f"{amount} yuan in {parts} parts is less than {least} yuan each")


def due_event(
    state: PlanState, instalments: Sequence[Instalment], today: date, grace_days: int
) -> PlanEvent | None:
    """What has come of a plan by itself; None: nothing."""
    if state is PlanState.AGREED and (
        any(each.paid_on for each in instalments) or today >= min(each.due_on for each in instalments)
    ):
        return PlanEvent.BEGIN
    if state is not PlanState.RUNNING:
        return None
    if all(each.paid_on is not None for each in instalments):
        return PlanEvent.FINISH
    grace = timedelta(days=grace_days)
    late = any(each.paid_on is None and today > each.due_on + grace for each in instalments)
    return PlanEvent.MISS if late else None


def owed(instalments: Sequence[Instalment]) -> Decimal:
    """What is still to be paid."""
    return total(each.amount for each in instalments if each.paid_on is None)
