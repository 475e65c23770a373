"""What an account's last months would have cost under another tariff or plan, out of the archive itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from cloud.insight.energies.actions import Energies
from cloud.kit.errors import Invalid, NotFound
from cloud.tariffs.bill import Bill
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice.by_plan import Exact
from cloud.tiers.advice.documents import documents
from cloud.tiers.advice.pricing import bill
from cloud.tiers.advice.rules import Facts, MonthUse


@dataclass(frozen=True, slots=True)
class Compared:
    """Both bills of the same months; `now` is None where the contract's own cannot be priced, and `why`.

    `remarks`: class_differs · no_basis (the document has a basic charge, the contract names no basis of it).
    `coverage` is that of the month that has least, `estimated` the share of slots in the month that has most.
    """

    account: str
    tariff: str
    plan: str
    first: date
    last: date
    months: int
    now: Bill | None
    why: str | None
    then: Bill
    coverage: float = 1.0
    estimated: float = 0.0
    remarks: tuple[str, ...] = ()

    @property
    def saving(self) -> Decimal | None:
        return None if self.now is None else self.now.total - self.then.total


def what_if(
    connection: Connection,
    energies: Energies,
    catalogue: Catalogue,
    facts: Facts,
    tariff: str,
    plan: str,
    least: float,
) -> Compared:
    """Of the last whole months, at most 12, of which the archive has at least the `least` share of slots.

    Invalid: there is no such plan, no such month, or something that the bill needs is not known.
    """
    document = catalogue.in_force(tariff, facts.today)
    try:
        document.plan(plan)
    except ValueError as error:
        raise Invalid(f"plan: {error}") from None
    months = _months(connection, energies, catalogue, facts, document.id, plan, least)
    if not months:
        raise Invalid(f"account {facts.account}: no whole month that {document.id}, {plan} can be priced for")
    terms = document.two_part is not None
    contract = replace(
        facts.contract, tariff=document.id, plan=plan, basis=facts.contract.basis if terms else None
    )
    under = replace(facts, contract=contract, tariff=documents(catalogue, document.id))
    try:
        then = bill(under, months)
    except (ValueError, NotFound) as error:
        raise Invalid(f"{document.id}, {plan}: {error}") from None
    same = {month.month for month in months}
    own = [month for month in facts.months if month.month in same]
    try:
        now, why = bill(facts, own), None
    except (ValueError, NotFound, KeyError) as error:
        now, why = None, str(error)
    remarks: tuple[str, ...] = ("class_differs",) if document.class_ != facts.class_ else ()
    if terms and contract.basis is None:
        remarks += ("no_basis",)
    coverage = min(month.coverage for month in months)
    first, last = months[0].first, months[-1].last
    estimated = max(month.estimated for month in months)
    return Compared(
        facts.account,
        document.id,
        plan,
        first,
        last,
        len(months),
        now,
        why,
        then,
        coverage,
        estimated,
        remarks,
    )


def _months(
    connection: Connection,
    energies: Energies,
    catalogue: Catalogue,
    facts: Facts,
    tariff: str,
    plan: str,
    least: float,
) -> Sequence[MonthUse]:
    """The newest unbroken run of them; several points are several connections, none added to another."""
    if len(facts.points) != 1:
        raise Invalid(f"account {facts.account} has {len(facts.points)} points: price each by itself")
    found: list[MonthUse] = []
    for month in reversed(facts.year):
        parts = energies.parts(connection, catalogue, facts.points[0], tariff, plan, month.month)
        if parts is None or month.coverage < least:
            break
        found.append(replace(month, kwh=Exact({plan: parts})))
    return tuple(reversed(found))
