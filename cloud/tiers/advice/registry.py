"""All rules that advise, each with whom it is for; one that is not here does not speak."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial

from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.rules import EVERYBODY, Ruled
from cloud.tiers.advice.tariff import basic_charge, plans, power_factor, shifting, steps
from cloud.tiers.advice.tariff.months import Checked

VERSION = 1
"""Of the rules about tariffs: another one makes advice due again."""
TWO_PART = frozenset({"large_industry", "business"})
HOUSEHOLDS = frozenset({"household"})
_TARIFF: Sequence[tuple[str, frozenset[str], Checked]] = (
    (basic_charge.MODE, TWO_PART, basic_charge.mode),
    (basic_charge.CONTRACTED, TWO_PART, basic_charge.contracted),
    (power_factor.KIND, EVERYBODY - HOUSEHOLDS, power_factor.power_factor),
    (shifting.KIND, EVERYBODY, shifting.shift),
    (steps.KIND, HOUSEHOLDS, steps.step_crossing),
    (plans.TOU, HOUSEHOLDS, plans.tou),
    (plans.LARGE, HOUSEHOLDS, plans.large_household),
    (plans.SHARED, HOUSEHOLDS, plans.shared_meter),
)
NIGHTLY = frozenset({steps.KIND})


_EXCLUDING = (
    frozenset({"power_factor", "capacitor"}),
    frozenset({"band_shift", "storage"}),
    frozenset({"tou_choice", "shared_meter"}),
    frozenset({"step_crossing", "large_household"}),
)
"""Kinds that save the same money: of one account no two of a group are added up."""
_SAID_BY = {"power_factor": frozenset({"capacitor"})}


def said_by(kind: str) -> frozenset[str]:
    """Kinds that say the same and more."""
    return _SAID_BY.get(kind, frozenset())


def apart(savings: Iterable[tuple[str, str, Decimal]]) -> Decimal:
    """The sum of (account, kind, saving), of kinds that exclude one another the dearest alone."""
    best: dict[tuple[str, str], Decimal] = {}
    for account, kind, saving in savings:
        group = next((min(each) for each in _EXCLUDING if kind in each), kind)
        best[account, group] = max(best.get((account, group), saving), saving)
    return sum(best.values(), Decimal(0))


def tariff_rules(policy: AdvicePolicy) -> tuple[Ruled, ...]:
    return tuple(
        Ruled(kind, classes, partial(rule, policy), nightly=kind in NIGHTLY)
        for kind, classes, rule in _TARIFF
    )
