"""What an account is promised now, and what it was promised over time; of each term the rule that gave it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Text, cast, insert, select, update

from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.protection import Protection, protection_table
from cloud.fleet.history import among
from cloud.policies.current import Current
from cloud.policies.deadlines import DeadlinePolicy, deadline_policy
from cloud.tiers.axes import Axis, Credit
from cloud.tiers.axes import Value as ValueTier
from cloud.tiers.entitlements.document import EntitlementPolicy
from cloud.tiers.entitlements.policy import current
from cloud.tiers.entitlements.rules import Entitlements, Granted, Standing, decide
from cloud.tiers.entitlements.tables import given_table
from cloud.tiers.entitlements.terms import back, plain
from cloud.tiers.rating import store as rating


@dataclass(frozen=True, slots=True)
class Promises:
    """The policies that entitlements come from; `zone` names the day."""

    policy: Current[EntitlementPolicy]
    deadlines: Current[DeadlinePolicy]
    zone: tzinfo


def promises(folder: Path | None, zone: tzinfo) -> Promises:
    """Invalid names the policy that is wrong."""
    return Promises(current(folder), Current(deadline_policy, folder, ["deadlines"]), zone)


def of(connection: Connection, promised: Promises, account: str, at: datetime) -> Entitlements | None:
    """What one account is promised; None where there is no such account."""
    return of_many(connection, promised, at, [account]).get(account)


def of_many(
    connection: Connection, promised: Promises, at: datetime, accounts: Collection[str] | None = None
) -> dict[str, Entitlements]:
    """By account: of those named (a few hundred at most), or of all."""
    day = at.astimezone(promised.zone).date()
    policy, deadlines = promised.policy.value, promised.deadlines.value
    station = deadlines.profiles[deadlines.profile]
    found = standings_on(connection, day, at, accounts)
    alike: dict[Standing, Entitlements] = {}  # thousands stand alike: each standing is decided once
    for account, each in found.items():
        if each not in alike:
            alike[each] = decide(policy, station, account, each, day)
    return {account: replace(alike[each], account=account) for account, each in found.items()}


def standings_on(
    connection: Connection, day: date, at: datetime, accounts: Collection[str] | None = None
) -> dict[str, Standing]:
    """Where accounts stand, as far as promises depend on it."""
    protected = _protected(connection, at, accounts)
    rated = rating.standings(connection, day, accounts=accounts)
    return {
        account: _standing(axes, protected.get(account, frozenset()))
        for account, axes in rated.items()
        if Axis.CLASS in axes
    }


def _standing(axes: Mapping[Axis, rating.Standing], protected: frozenset[Protection]) -> Standing:
    value, credit = _value(axes, Axis.VALUE), _value(axes, Axis.CREDIT)
    grade, needs = _value(axes, Axis.GRADE), _value(axes, Axis.NEED)
    return Standing(
        axes[Axis.CLASS].value,
        axes[Axis.CLASS].sub,
        None if grade is None else Grade(grade),
        frozenset(Need(each) for each in needs.split(",")) if needs else frozenset(),
        ValueTier(value) if value in set(ValueTier) else None,
        Credit(credit) if credit in set(Credit) else Credit.UNKNOWN,
        protected,
    )


def _value(axes: Mapping[Axis, rating.Standing], axis: Axis) -> str | None:
    found = axes.get(axis)
    return None if found is None else found.value


def _protected(
    connection: Connection, at: datetime, accounts: Collection[str] | None
) -> dict[str, frozenset[Protection]]:
    table = protection_table.c
    query = select(table.account, table.kind).where(
        table.since <= at, table.ended_at.is_(None) | (table.ended_at > at)
    )
    found: dict[str, frozenset[Protection]] = {}
    for part in among(query, table.account, accounts):
        for account, kind in connection.execute(part):
            found[account] = found.get(account, frozenset()) | {Protection(kind)}
    return found


def written(entitlements: Entitlements) -> dict[str, Any]:
    """The terms as they are kept."""
    return {
        name: {"value": plain(each.value), "rule": each.rule, "when": dict(each.when)}
        for name, each in entitlements.terms.items()
    }


def read_back(terms: Mapping[str, Any]) -> dict[str, Granted]:
    return {
        name: Granted(back(name, each["value"]), each["rule"], each["when"]) for name, each in terms.items()
    }


@dataclass(frozen=True, slots=True)
class Spell:
    """What an account was promised from `since` up to and without `until` (None: still)."""

    since: datetime
    until: datetime | None
    terms: Mapping[str, Granted]


def given(
    connection: Connection, start: datetime, end: datetime, accounts: Collection[str] | None = None
) -> dict[str, list[Spell]]:
    """By account what was promised in any part of [start, end), oldest first."""
    table = given_table.c
    columns = (table.account, table.since, table.until, cast(table.terms, Text))
    query = select(*columns).where(table.since < end, table.until.is_(None) | (table.until > start))
    found: dict[str, list[Spell]] = {}
    read: dict[str, Mapping[str, Granted]] = {}  # the same text is of thousands: read once
    for part in among(query.order_by(table.account, table.since), table.account, accounts):
        for account, since, until, terms in connection.execute(part):
            if terms not in read:
                read[terms] = read_back(json.loads(terms))
            found.setdefault(account, []).append(Spell(since, until, read[terms]))
    return found


def keep(connection: Connection, decided: Collection[Entitlements], at: datetime) -> int:
    """Write down what is promised from now on, where it changed; how many accounts that were."""
    table = given_table.c
    standing = select(table.id, table.account, cast(table.terms, Text)).where(table.until.is_(None))
    newest = {account: (number, terms) for number, account, terms in connection.execute(standing)}
    new: list[dict[str, Any]] = []
    ended: list[int] = []
    made: dict[int, tuple[dict[str, Any], str]] = {}  # by the terms that thousands share
    for each in decided:
        key = id(each.terms)
        if key not in made:
            kept = written(each)
            made[key] = kept, json.dumps(kept)
        terms, text = made[key]
        before = newest.get(each.account)
        if before is not None and before[1] == text:
            continue
        if before is not None:
            ended.append(before[0])
        new.append({"account": each.account, "since": at, "version": each.version, "terms": terms})
    for low in range(0, len(ended), 400):
        rows = table.id.in_(ended[low : low + 400])
        connection.execute(update(given_table).where(rows).values(until=at))
    if new:
        connection.execute(insert(given_table), new)
    return len(new)
