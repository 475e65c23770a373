"""Holds the parts of entitlements.toml against one another and against the station's own deadlines."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import combinations, pairwise
from typing import Any, Final

from cloud.customers.file.grades import Grade
from cloud.kit.toml_lines import Place
from cloud.policies.deadlines import Place as Where
from cloud.policies.deadlines import Profile
from cloud.tiers.entitlements.document import Base, EntitlementPolicy, Rule
from cloud.tiers.entitlements.terms import CLASSES, Manager, better, flat

OWED: Final = (
    "on_site_min",
    "restore_min",
    "order_priority",
    "interval_s",
    "unusual_factor",
    "reach",
    "quiet",
)
"""What every class is promised by its base: nothing of it is left to chance."""

Mistake = tuple[Place, str]


def mistakes(policy: EntitlementPolicy, station: Profile) -> Iterator[Mistake]:
    """(place, what) of everything that contradicts, is left open, holds twice, or lengthens a promise."""
    yield from _bases(policy)
    for number, base in enumerate(policy.base):
        yield from _base(number, base, station)
    yield from _doubled(policy)
    for number, rule in enumerate(policy.rule):
        yield from _lengthened(number, rule, policy)
        yield from _instalments("rule", number, rule)
    yield from _managers(policy)
    yield from _priorities(policy)


def _bases(policy: EntitlementPolicy) -> Iterator[Mistake]:
    """Each class has just one base on every day from the first day on."""
    of: dict[str, list[tuple[int, Base]]] = defaultdict(list)
    for number, base in enumerate(policy.base):
        of[base.class_].append((number, base))
    first = min(base.from_ for base in policy.base)
    for name in CLASSES:
        found = sorted(of[name], key=lambda each: each[1].from_)
        if not found:
            yield ("base",), f"base: class {name} has no promise of its own: write its [[base]]"
            continue
        if found[0][1].from_ > first:
            yield ("base", found[0][0], "from"), f"a gap: {name} is promised nothing from {first} on"
        for (_, one), (number, other) in pairwise(found):
            if one.to is None or other.from_ < one.to:
                yield (
                    ("base", number, "from"),
                    f"two promises to {name} hold on {other.from_}: end one before",
                )
            elif other.from_ > one.to:
                yield ("base", number, "from"), f"a gap: {name} is promised nothing from {one.to} on"
        if (end := found[-1][1].to) is not None:
            yield ("base", found[-1][0], "to"), f"a gap: {name} is promised nothing from {end} on"


def _base(number: int, base: Base, station: Profile) -> Iterator[Mistake]:
    lacking = [name for name in OWED if getattr(base, name) is None]
    if lacking:
        yield ("base", number), f"the base of {base.class_} lacks {', '.join(lacking)}"
    limits = station_terms(station)
    given = flat(base)
    for name in sorted(limits.keys() & given.keys()):
        if better(name, limits[name], given[name]):
            what = f"{given[name]} min is longer than the {limits[name]} min of deadlines.toml"
            yield ("base", number, *name.split(".")), f"{name}: {what}: a promise is never lengthened"
    yield from _instalments("base", number, base)


def station_terms(profile: Profile) -> dict[str, Any]:
    """What the station's own deadlines say, as terms."""
    return {
        f"{name}.{place.value}": getattr(getattr(profile, name), place.value)
        for name in ("on_site_min", "restore_min")
        for place in Where
    }


def _instalments(table: str, number: int, terms: Base | Rule) -> Iterator[Mistake]:
    given = flat(terms)
    if table == "base" and "instalments" in given and "instalment_least_cny" not in given:
        yield (table, number, "instalments"), "instalments: say the least amount too, instalment_least_cny"
    if table == "base" and "instalments" in given and "instalment_credit" not in given:
        yield (table, number, "instalments"), "instalments: say down to which instalment_credit"


def _doubled(policy: EntitlementPolicy) -> Iterator[Mistake]:
    for (_, one), (number, other) in combinations(enumerate(policy.rule), 2):
        if one.id == other.id and one.overlaps(other):
            day = max(one.from_, other.from_)
            yield (
                ("rule", number, "from"),
                f"rule {other.id!r} holds twice on {day}: end one before the other",
            )


def _lengthened(number: int, rule: Rule, policy: EntitlementPolicy) -> Iterator[Mistake]:
    """Against the base of every class that the rule may fit, on every day that both hold."""
    given = flat(rule)
    for base in policy.base:
        if base.class_ not in rule.when.reached or not rule.overlaps(base):
            continue
        owed: Mapping[str, Any] = flat(base)
        for name in sorted(given.keys() & owed.keys()):
            if better(name, owed[name], given[name]):
                what = f"{given[name]} is worse than the {owed[name]} of everybody of class {base.class_}"
                yield ("rule", number, *name.split(".")), f"{name}: {what}: a tier never lengthens a promise"


def _managers(policy: EntitlementPolicy) -> Iterator[Mistake]:
    tables = (("base", policy.base), ("rule", policy.rule))
    for table, found in tables:
        for number, terms in enumerate(found):
            if terms.manager is Manager.KEY_ACCOUNT_DESK and policy.desks.key_account is None:
                yield (table, number, "manager"), "manager: [desks] names no key_account desk"


def _priorities(policy: EntitlementPolicy) -> Iterator[Mistake]:
    """On every day: each grade has a priority, none comes before a higher one, nobody else as early."""
    told = set()
    for day in _days(policy):
        for place, what in _priorities_on(policy, day):
            if (place, what) not in told:
                told.add((place, what))
                yield place, what


def _days(policy: EntitlementPolicy) -> list[date]:
    """Those from which something else may hold than the day before."""
    tables: list[Base | Rule] = [*policy.base, *policy.rule]
    first = min(base.from_ for base in policy.base)
    edges = {each.from_ for each in tables} | {each.to for each in tables if each.to is not None}
    return sorted(day for day in edges if day >= first)


def _priorities_on(policy: EntitlementPolicy, day: date) -> Iterator[Mistake]:
    of = {grade: _priority_of(policy, grade, day) for grade in Grade}
    if not any(of.values()):
        yield ("rule",), f"rule: no grade of important customers has an order_priority on {day}"
        return
    for grade, found in of.items():
        if found is None:
            yield ("rule",), f"rule: a gap: grade {grade.value} has no order_priority on {day}"
    ladder = [(grade, of[grade]) for grade in _LADDER]
    for (higher, one), (lower, other) in pairwise(ladder):
        if one is not None and other is not None and other < one:
            yield ("rule",), f"rule: grade {lower.value} comes before grade {higher.value}: turn them round"
    yield from _early(policy, day, of)


def _early(policy: EntitlementPolicy, day: date, of: Mapping[Grade, int | None]) -> Iterator[Mistake]:
    """Who comes as early as an important customer, or for another ground besides before a higher grade."""
    worst = max(found for found in of.values() if found is not None)
    others: list[tuple[str, int, Base | Rule]] = [("base", n, each) for n, each in enumerate(policy.base)]
    others += [("rule", n, each) for n, each in enumerate(policy.rule) if each.when.grade is None]
    for table, number, terms in others:
        if terms.order_priority is not None and terms.order_priority <= worst and terms.holds(day):
            said = f"{terms.order_priority} comes as early as an important customer's {worst}"
            yield (table, number, "order_priority"), f"order_priority: {said}: the grade goes before all else"
    for number, rule in enumerate(policy.rule):
        if rule.when.grade is None or rule.order_priority is None or not rule.holds(day):
            continue
        lowest = max((_LADDER.index(each) for each in rule.when.grade if each in _LADDER), default=0)
        for higher in _LADDER[:lowest]:
            first = of[higher]
            if first is not None and rule.order_priority < first:
                said = f"{rule.order_priority} comes before the {first} of grade {higher.value}"
                yield ("rule", number, "order_priority"), f"order_priority: {said}: turn them round"


_LADDER: Final = (Grade.SPECIAL, Grade.FIRST, Grade.SECOND)
"""A temporary grade is on no rung of the ladder."""


def _priority_of(policy: EntitlementPolicy, grade: Grade, day: date) -> int | None:
    """Of the rules for everybody of a grade."""
    found = [
        rule.order_priority
        for rule in policy.rule
        if rule.when.model_fields_set == {"grade"} and grade in (rule.when.grade or ()) and rule.holds(day)
        if rule.order_priority is not None
    ]
    return min(found, default=None)
