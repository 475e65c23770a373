"""What taken advice brought: the months since the contract changed, under the old terms and under the new."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, update

from cloud.billing.store import bills
from cloud.kit.errors import NotFound
from cloud.kit.money import total
from cloud.tariffs.two_part import Basis
from cloud.tiers.advice import store
from cloud.tiers.advice.gather import Gathered
from cloud.tiers.advice.pricing import Change, bill, change_of
from cloud.tiers.advice.rules import Facts
from cloud.tiers.advice.store import AdviceRow, advice_table


def measured(connection: Connection, gathered: Gathered) -> dict[int, Mapping[str, Any]]:
    """By advice, of those taken whose contract is now as was advised, and a whole month has passed."""
    taken = {each.account: each for each in store.taken(connection)}
    found: dict[int, Mapping[str, Any]] = {}
    for facts in gathered.facts(list(taken)):
        advice = taken[facts.account]
        result = measure(facts, advice)
        if result is not None:
            found[advice.id] = result | _billed(connection, facts, result)
    return found


def measure(facts: Facts, advice: AdviceRow) -> dict[str, Any] | None:
    """The same months as they are billed now, and as they were before; None while that cannot be said."""
    if advice.bills is None:
        return None
    change, contract = change_of(advice.bills["change"]), facts.contract
    done = (
        (change.plan is None or change.plan == contract.plan)
        and (change.basis is None or change.basis == contract.basis)
        and (change.contracted_kw is None or change.contracted_kw == contract.contracted_kw)
    )
    before = _before(advice)
    since = contract.from_day
    months = [month for month in facts.months if month.first >= since]
    if not done or before is None or not months or since <= advice.made_at.date():
        return None
    try:
        now, then = bill(facts, months), bill(facts, months, before)
    except (ValueError, NotFound):
        return None
    return {
        "first": f"{months[0].first}",
        "last": f"{months[-1].last}",
        "months": len(months),
        "reckoned": f"{now.total:.2f}",
        "as_before": f"{then.total:.2f}",
        "saving": f"{then.total - now.total:.2f}",
    }


def put(connection: Connection, found: Mapping[int, Mapping[str, Any]]) -> None:
    for id, result in found.items():  # noqa: A001
        connection.execute(update(advice_table).where(advice_table.c.id == id).values(measured=dict(result)))


def _before(advice: AdviceRow) -> Change | None:
    """The terms that the advice found: None where it was not the contract that was to change."""
    told = advice.evidence
    if "plan" in told and "then" in told:
        return Change(plan=told["plan"])
    if "basis" in told:
        return Change(basis=Basis(told["basis"]))
    if "contracted_kw" in told:
        return Change(contracted_kw=Decimal(told["contracted_kw"]))
    return None


def _billed(connection: Connection, facts: Facts, result: Mapping[str, Any]) -> dict[str, Any]:
    """What the bills of these months say, where all of them are known."""
    months = [month.month for month in facts.months if f"{month.first}" >= result["first"]]
    rows = bills(connection, months[0], months[-1], [facts.account])
    if {row.month for row in rows} != set(months):
        return {"billed": None}
    return {"billed": f"{total(row.amount for row in rows):.2f}"}
