"""What a work order owes to those it serves: the earliest of their promises, important customers first."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from cloud.policies.deadlines import Place
from cloud.tiers.entitlements.rules import LAST, PRIORITY, Entitlements, rank
from cloud.tiers.entitlements.store import Promises, of_many


@dataclass(frozen=True, slots=True)
class Owed:
    """So many minutes at most, to which account, by which rule."""

    minutes: int
    account: str
    rule: str


@dataclass(frozen=True, slots=True)
class Served:
    """`account` and `rule` are those that gave the priority; `grade` that of an important customer."""

    priority: int
    account: str
    rule: str
    when: Mapping[str, str]
    grade: str | None
    on_site: dict[Place, Owed]
    restore: dict[Place, Owed]

    def written(self, place: Place) -> dict[str, Any]:
        """As an order keeps it; what was owed when it opened stays owed."""
        on_site, restore = self.on_site[place], self.restore[place]
        return {
            "account": self.account,
            "rule": self.rule,
            "when": dict(self.when),
            "grade": self.grade,
            "on_site_min": on_site.minutes,
            "on_site_rule": on_site.rule,
            "on_site_account": on_site.account,
            "restore_min": restore.minutes,
            "restore_rule": restore.rule,
            "restore_account": restore.account,
        }


def serve(
    connection: Connection, promised: Promises, accounts: Collection[str], at: datetime
) -> Served | None:
    """What is owed to the best promised of these accounts; None where none of them is known."""
    return best(of_many(connection, promised, at, accounts).values())


def best(found: Iterable[Entitlements]) -> Served | None:
    """Of each the earliest, equal ones by account; the priority is the first important customer's if any."""
    ordered = sorted(found, key=rank)
    if not ordered:
        return None
    first = ordered[0]
    source = first.terms.get(PRIORITY)
    grade = first.standing.grade
    return Served(
        LAST if source is None else int(source.value),
        first.account,
        "" if source is None else source.rule,
        {} if source is None else source.when,
        None if grade is None else grade.value,
        {place: _earliest(ordered, "on_site_min", place) for place in Place},
        {place: _earliest(ordered, "restore_min", place) for place in Place},
    )


def _earliest(ordered: list[Entitlements], name: str, place: Place) -> Owed:
    key = f"{name}.{place.value}"
    chosen = min(ordered, key=lambda each: each.terms[key].value)
    return Owed(int(chosen.terms[key].value), chosen.account, chosen.terms[key].rule)
