"""All rules that advise, each with whom it is for; one that is not here does not speak."""

from collections.abc import Sequence
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


def tariff_rules(policy: AdvicePolicy) -> tuple[Ruled, ...]:
    return tuple(
        Ruled(kind, classes, partial(rule, policy), nightly=kind in NIGHTLY)
        for kind, classes, rule in _TARIFF
    )
