"""Composes one account's report out of what was gathered: decides nothing that another part has decided."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from cloud.billing.store import BillRow
from cloud.customers.file.contracts import Contract
from cloud.desk.report import billed, comparing, days, priced
from cloud.desk.report.comparing import Against, KindOf
from cloud.desk.report.days import Day, by_band
from cloud.desk.report.gather import Given
from cloud.desk.report.pieces import (
    Advised,
    Billed,
    Comparison,
    DayUse,
    Promised,
    Report,
    Stood,
    Use,
)
from cloud.desk.report.span import Month
from cloud.insight.energies.store import BANDS, FLAT, HEAD
from cloud.insight.pricing import NAMES
from cloud.kit.money import total
from cloud.metering.archive.layout import month_of
from cloud.tiers.advice.energies import Served, months_of
from cloud.tiers.advice.rules import MonthUse
from cloud.tiers.rating.store import unremarked

_KWH = Decimal("0.001")
_ALIKE = 0.005
"""Bands of the days and those of the plan are the same where no sum of the month is further apart."""


def compose(given: Given, account: str, kind: KindOf) -> Report:
    contracts = given.contracts.get(account, ())
    contract = contracts[-1] if contracts else None
    served = given.served.get(account, ())
    stored = months_of(given.energies, contract.tariff if contract else "", served, demands=True)
    month = next((each for each in stored if each.month == given.month.first), None)
    told = days.of_account(given.days, served, given.month.first, given.month.last)
    documents = given.documents.get(contract.tariff) if contract else None
    before = [each for each in stored if each.month < given.month.first]
    since = min((each.first for each in served), default=given.month.first)
    bill = given.bills.get(account)
    return Report(
        account=account,
        month=given.month.first,
        class_=given.classes[account],
        use=_use(given, contract, served, month, told),
        comparisons=_comparisons(given, served, told, kind),
        billed=None
        if bill is None
        else Billed(kwh=bill.kwh, amount=bill.amount, due_on=bill.due_on, paid_on=bill.paid_on),
        bills_then=list(billed.beside(bill, _bills_then(given, account))),
        estimate=priced.estimate(
            priced.Priceable(given.month, contracts, documents, month, before, since)
        ),
        two_part=priced.two_part(contract, month),
        standings=[_stood(each) for each in given.standings.get(account, {}).values()],
        promises=[_promised(row) for row in given.promises.get(account, ())],
        outages=list(given.outages.get(account, ())),
        orders=list(given.orders.get(account, ())),
        advice=[_advised(row) for row in given.advice.get(account, ())],
    )  # fmt: skip


def _bills_then(given: Given, account: str) -> list[tuple[Against, BillRow | None]]:
    before, ago = given.others()
    return [
        ("month_before", given.bills_then.get((account, before.first))),
        ("year_before", given.bills_then.get((account, ago.first))),
    ]


def stored_through(given: Given, account: str) -> date | None:
    """The last day of the month up to which energies and days of all its points are stored; None: of none."""
    ends: dict[str, int] = {}
    for each in given.served.get(account, ()):
        if not _touches(each, given.month):
            continue
        for block, at in given.energies.of_point.get(each.point, ()):
            if block.month == given.month.first:
                ends[each.point] = max(ends.get(each.point, 0), int(block.content[at, 1]))
    if not ends:
        return None
    return date.fromordinal(min(given.days.through(point, end) for point, end in ends.items()))


def served_through(given: Given, account: str) -> date | None:
    """The last day of the month that something served it; None: nothing did."""
    lasts = [each.last for each in given.served.get(account, ()) if _touches(each, given.month)]
    if not lasts:
        return None
    return min(given.month.last, max(each or given.month.last for each in lasts))


def _touches(each: Served, month: Month) -> bool:
    return each.first <= month.last and (each.last is None or each.last >= month.first)


def _use(
    given: Given,
    contract: Contract | None,
    served: Sequence[Served],
    month: MonthUse | None,
    told: Sequence[tuple[date, Day | None]],
) -> Use:
    bands = None if month is None or contract is None else _bands(month, contract.plan)
    same = bands is not None and len(bands) > 1 and _alike(bands, [day for _, day in told])
    shown = [_day(at, day, banded=same) for at, day in told]
    known = [each for each in shown if each.kwh is not None]
    highest = max(known, key=lambda each: each.kwh or 0.0, default=None)
    demand = None if month is None else month.demand
    return Use(
        first=told[0][0] if told else given.month.first,
        last=told[-1][0] if told else given.month.last,
        whole=len(told) == given.month.days,
        kwh=None if month is None or not month.coverage else _kwh(given, served, month, bands),
        kwh_by_band=bands,
        coverage=None if month is None else round(month.coverage, 4),
        estimated_share=None if month is None else round(month.estimated, 4),
        days=shown,
        days_by_band=same,
        highest_day=None if highest is None else highest.day,
        highest_kwh=None if highest is None else highest.kwh,
        peak_kw=None if demand is None else demand.kw,
        peak_at=None if demand is None else demand.at,
        peak_measured=demand is not None and demand.measured,
    )


def _bands(month: MonthUse, plan: str) -> dict[str, Decimal] | None:
    """kWh by band of the plan; None where the plan has none of this month."""
    if plan not in month.kwh:
        return None
    found: dict[str, Decimal] = {}
    for part in month.kwh[plan]:
        for band, kwh in part.kwh.items():
            found[band] = found.get(band, Decimal(0)) + kwh
    return {name: found[name].quantize(_KWH) for name in NAMES if found.get(name)}


def _kwh(
    given: Given, served: Sequence[Served], month: MonthUse, bands: dict[str, Decimal] | None
) -> Decimal:
    """The sum of the bands as they are shown, else what is stored without bands."""
    if bands is not None:
        return total(bands.values())
    kwh = 0.0
    for each in served:
        for block, at in given.energies.of_point.get(each.point, ()):
            if block.month == month.month and FLAT in block.plans and _within(block.content[at], each):
                place = len(HEAD) + BANDS * block.plans.index(FLAT)
                kwh += float(block.content[at, place : place + BANDS].sum())
    return Decimal(kwh).quantize(_KWH)


def _within(head: Any, served: Served) -> bool:
    return bool(
        served.first.toordinal() <= head[0]
        and (served.last is None or head[1] <= served.last.toordinal())
    )  # fmt: skip


def _alike(bands: dict[str, Decimal], told: Sequence[Day | None]) -> bool:
    """Whether the days are told by the bands of the plan."""
    sums = dict.fromkeys(NAMES, 0.0)
    for day in told:
        if day is None or day.bands is None:
            continue
        for name, kwh in zip(NAMES, day.bands, strict=True):
            sums[name] += kwh
    whole = float(total(bands.values()))
    return whole > 0 and all(abs(sums[name] - float(bands.get(name, 0))) <= _ALIKE * whole for name in NAMES)


def _day(at: date, day: Day | None, *, banded: bool) -> DayUse:
    if day is None:
        return DayUse(day=at, kwh=None, kwh_by_band=None, coverage=0.0, estimated_share=0.0)
    kwh = None if day.kwh is None else round(day.kwh, 3)
    bands = by_band(day.bands) if banded and day.bands is not None else None
    return DayUse(
        day=at,
        kwh=kwh,
        kwh_by_band=bands,
        coverage=round(day.coverage, 4),
        estimated_share=round(day.estimated, 4),
    )


def _comparisons(
    given: Given, served: Sequence[Served], told: Sequence[tuple[date, Day | None]], kind: KindOf
) -> list[Comparison]:
    now = [day for _, day in told if day is not None and comparing.usable(day)]
    names = {point for at, _ in told for point in days.points_on(served, at)}
    before, ago = given.others()
    return [
        _compared("month_before", given, served, before, now, names, kind),
        _compared("year_before", given, served, ago, now, names, kind),
    ]


def _compared(
    against: Against,
    given: Given,
    served: Sequence[Served],
    other: Month,
    now: Sequence[Day],
    names: set[str],
    kind: KindOf,
) -> Comparison:
    then = days.of_account(given.days, served, other.first, other.last)
    if not then:
        return comparing.refused(against, other.first, "not_served")
    if {point for at, _ in then for point in days.points_on(served, at)} != names:
        return comparing.refused(against, other.first, "points_changed")
    if all(day is None for _, day in then):
        return comparing.refused(against, other.first, "nothing_stored")
    fit = [day for _, day in then if day is not None and comparing.usable(day)]
    return comparing.compare(against, other.first, now, fit, kind)


def _stood(each: Any) -> Stood:
    """Without the remarks of the staff."""
    each = replace(each, reasons=unremarked(each.reasons))
    return Stood(
        axis=each.axis.value,
        value=each.value,
        sub=each.sub,
        since=each.since,
        provisional=each.provisional,
        locked_until=each.locked_until,
        rule=each.rule or "",
        reasons=[dict(one) for one in each.reasons],
        change=None if each.change is None else dict(each.change),
    )


def _promised(row: Row[Any]) -> Promised:
    return Promised(
        part=row.part,
        state=row.state,
        reason=row.reason,
        promised=row.promised,
        figures=row.figures,
        sources=row.sources,
        rule=row.rule,
    )


def _advised(row: Row[Any]) -> Advised:
    return Advised(
        kind=row.kind,
        evidence=dict(row.evidence),
        saving=row.saving,
        months=_months(row.bills),
        formula=row.formula,
        confidence=row.confidence,
        valid_until=row.valid_until,
    )


def _months(bills: dict[str, Any] | None) -> int | None:
    """So many months both bills are of."""
    if not bills:
        return None
    first, last = (date.fromisoformat(bills[name]) for name in ("first", "last"))
    last = month_of(last)[0]
    return (last.year - first.year) * 12 + last.month - first.month + 1
