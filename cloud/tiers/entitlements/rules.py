"""Decides what an account is promised: of each term the best that any rule gives, and which.

An important grade goes before every other ground of an order's priority. Whoever is protected has every
condition of credit as met: never worse served for how they pay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Final

from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.protection import Protection
from cloud.policies.deadlines import Place, Profile
from cloud.tiers.axes import Credit
from cloud.tiers.axes import Value as ValueTier
from cloud.tiers.entitlements.checks import station_terms
from cloud.tiers.entitlements.document import Base, EntitlementPolicy, Rule, When
from cloud.tiers.entitlements.terms import LOWEST_CREDIT, Manager, Reach, Value, better, flat

STATION = "deadlines"
"""The rule that gave a term which the station's own deadlines.toml gives."""
PRIORITY: Final = "order_priority"
LAST: Final = 9
"""Who serves nobody, or nobody known, is mended last."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands on the axes; None or empty: nothing is known or declared of it."""

    class_: str
    sub: str | None = None
    grade: Grade | None = None
    needs: frozenset[Need] = frozenset()
    value: ValueTier | None = None
    credit: Credit = Credit.UNKNOWN
    protections: frozenset[Protection] = frozenset()

    @property
    def is_protected(self) -> bool:
        return bool(self.protections)


@dataclass(frozen=True, slots=True)
class Granted:
    """`rule` is the id of the rule, `base` or `deadlines`; `when`: what fitted, by axis."""

    value: Value
    rule: str
    when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What one account is promised on a day, each term with the rule that gave it; a term not there is not
    promised. Times in minutes, shares of the nominal voltage, money in yuan."""

    account: str
    day: date
    version: str
    standing: Standing
    terms: Mapping[str, Granted]

    def value(self, name: str) -> Value | None:
        found = self.terms.get(name)
        return None if found is None else found.value

    def on_site(self, place: Place) -> timedelta:
        return timedelta(minutes=self.terms[f"on_site_min.{place.value}"].value)

    def restore(self, place: Place) -> timedelta:
        """After the crew's arrival."""
        return timedelta(minutes=self.terms[f"restore_min.{place.value}"].value)

    @property
    def order_priority(self) -> int:
        return int(self.value(PRIORITY) or LAST)

    @property
    def interval_s(self) -> int | None:
        return self.value("interval_s")

    @property
    def manager(self) -> Manager:
        return Manager(self.value("manager") or Manager.STATION)

    @property
    def reach(self) -> Reach:
        return Reach(self.value("reach") or Reach.INBOX)

    @property
    def quiet(self) -> tuple[time, time] | None:
        start, end = self.value("quiet.start"), self.value("quiet.end")
        return None if start is None or end is None else (start, end)

    @property
    def unusual_factor(self) -> float | None:
        return self.value("unusual_factor")

    @property
    def instalments(self) -> int:
        """The most parts a bill may be paid in; 0 where the credit does not allow it."""
        lowest = self.value("instalment_credit")
        if lowest is None or self.value("instalment_least_cny") is None:
            return 0
        credit = Credit.WATCH if self.standing.credit is Credit.UNKNOWN else self.standing.credit
        allowed = self.standing.is_protected or LOWEST_CREDIT.index(credit) <= LOWEST_CREDIT.index(lowest)
        return int(self.value("instalments") or 0) if allowed else 0

    @property
    def least_instalment(self) -> Decimal | None:
        return self.value("instalment_least_cny")

    @property
    def dunned(self) -> bool:
        """Whether this account may ever be reminded of a debt."""
        return not self.standing.is_protected


def decide(
    policy: EntitlementPolicy, station: Profile, account: str, standing: Standing, day: date
) -> Entitlements:
    """What an account that stands so is promised on a day; at least what everybody of its class is."""
    terms = {name: Granted(value, STATION) for name, value in station_terms(station).items()}
    for base in policy.base:
        if base.class_ == standing.class_ and base.holds(day):
            _improve(terms, base, "base", {"class": standing.class_})
    for rule in policy.rule:
        fitting = fits(rule.when, standing) if rule.holds(day) else None
        if fitting is not None:
            _improve(terms, rule, rule.id, fitting)
    return Entitlements(account, day, policy.version, standing, terms)


def fits(when: When, standing: Standing) -> dict[str, str] | None:
    """What of the standing meets the condition, by axis; None when something does not."""
    found: dict[str, str] = {}
    for axis, wanted, there in _axes(when, standing):
        met = [each for each in wanted if each in there]
        if not met:
            return None
        found[axis] = str(met[0])
    return found


def _axes(when: When, standing: Standing) -> list[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
    """(axis, wanted, there) of each axis that is named."""
    one: dict[str, Any] = {
        "class_": standing.class_,
        "sub": standing.sub,
        "grade": standing.grade,
        "value": standing.value,
        "credit": standing.credit,
    }
    there: dict[str, tuple[Any, ...]] = {
        name: () if value is None else (value,) for name, value in one.items()
    }
    there["need"] = tuple(standing.needs)
    there["protection"] = tuple(standing.protections)
    if standing.is_protected:
        there["credit"] = tuple(Credit)
    return [
        (name.strip("_"), wanted, there[name])
        for name in When.model_fields
        if (wanted := getattr(when, name)) is not None
    ]


def _improve(
    terms: dict[str, Granted],
    table: Base | Rule,
    rule: str,
    when: Mapping[str, str],
) -> None:
    """Take over what is better. The file is checked: no other ground has the priority of a grade."""
    for name, value in flat(table).items():
        if name not in terms or better(name, value, terms[name].value):
            terms[name] = Granted(value, rule, when)


def rank(entitlements: Entitlements) -> tuple[bool, int, str]:
    """Whose order goes first: important customers, then the priority; equal ones by account."""
    return entitlements.standing.grade is None, entitlements.order_priority, entitlements.account
