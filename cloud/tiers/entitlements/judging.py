"""Judges every promise to one account in a month out of what was gathered: which verdict is asked of what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from cloud.tiers.entitlements import verdicts
from cloud.tiers.entitlements.document import Kept
from cloud.tiers.entitlements.evidence import OrderFact
from cloud.tiers.entitlements.gathering import Known
from cloud.tiers.entitlements.limits import TERMS
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.rules import Granted
from cloud.tiers.entitlements.store import Spell
from cloud.tiers.entitlements.terms import Manager, Reach
from cloud.tiers.entitlements.verdicts import Owed, Part, State, Verdict


def judged(account: str, known: Known, kept: Kept, today: date) -> Iterator[Verdict]:
    """Every promise to one account in the month."""
    spells = known.spells[account]
    terms = spells[-1].terms
    orders = known.orders.get(account, ())
    yield verdicts.on_site(orders, _owed(spells, "on_site_min"), known.now)
    yield verdicts.restored(orders, _owed(spells, "restore_min"), known.now)
    if (reach := terms.get("reach")) is not None:
        yield _notices(account, known, reach)
    if (slowest := slowest_of(spells)) is not None:
        found = known.collected.get(account)
        yield verdicts.interval(slowest.value, slowest.rule, found, kept.interval_share)
    if (promised := _limits(terms)) is not None:
        yield verdicts.limits(*promised, known.limits.get(account, ()))
    yield from _by_persons(account, known, kept, today, terms)


def _by_persons(
    account: str,
    known: Known,
    kept: Kept,
    today: date,
    terms: Mapping[str, Granted],
) -> Iterator[Verdict]:
    recorded = known.recorded.get(account, {})
    month = known.month
    if (report := terms.get("report_monthly")) is not None:
        yield _report(account, known, report, month.after.replace(day=kept.report_by_day), today)
    if (cadence := terms.get("advice_every_months")) is not None:
        last = None if known.advice is None else known.advice.get(account)
        yield verdicts.advised(
            cadence.rule,
            cadence.value,
            last,
            known.advice is not None,
            since=known.advice_since.get(account, month.first),
            end=min(month.after, today),
        )
    manager = terms.get("manager")
    if manager is not None and manager.value is Manager.KEY_ACCOUNT_DESK:
        ways = (How.VISIT, How.PHONE, How.MESSAGE)
        days = [each for how in ways for each in recorded.get(how, ()) if each < month.after]
        promised = {"manager": manager.value.value, "every_months": kept.contact_months}
        due = month.after - timedelta(days=1)
        yield verdicts.recorded(Part.CONTACT, manager.rule, promised, days, due=due, today=today)


def _report(account: str, known: Known, report: Granted, due: date, today: date) -> Verdict:
    """Issued by the service or handed over by a person, whichever was first; where the service issues
    reports, one that is not there after its day is missed."""
    handed = known.recorded.get(account, {}).get(How.REPORT, ())
    days = [(each, verdicts.RECORDED) for each in handed if each >= known.month.after]
    if known.reports is not None and (issued := known.reports.get(account)) is not None:
        days.append((issued, verdicts.ISSUED))
    first = [min(days)[0]] if days else []
    source = min(days)[1] if days else verdicts.RECORDED if known.reports is None else verdicts.ISSUED
    promised = {"by": due.isoformat()}
    found = verdicts.recorded(Part.REPORT, report.rule, promised, first, due=due, today=today, source=source)
    if known.reports is not None and found.state is State.NOT_KNOWN:
        return replace(found, state=State.MISSED, reason="not_issued")
    return found


def _limits(terms: Mapping[str, Granted]) -> tuple[str, dict[str, Any]] | None:
    """The rule that gave the best of them, and what is promised of each limit."""
    found = {
        limit.value: [float(terms[name].value) for name in names]
        for limit, names in TERMS.items()
        if set(names) <= terms.keys()
    }
    if not found:
        return None
    rules = [terms[name].rule for limit, names in TERMS.items() if limit in found for name in names]
    return next((rule for rule in rules if rule != "base"), rules[0]), found


def _notices(account: str, known: Known, reach: Granted) -> Verdict:
    customer = known.customers[account]
    month = known.month
    days = known.recorded.get(account, {}).get(How.PHONE, ())
    calls = sum(month.first <= each < month.after for each in days)
    found = known.notices.get(customer, ())
    channels = known.channels.get(customer, 0)
    return verdicts.notices(Reach(reach.value), reach.rule, found, channels, calls)


def _owed(spells: Sequence[Spell], name: str) -> verdicts.OwedAt:
    """What was written down as promised when an order opened."""

    def owed(order: OrderFact) -> Owed | None:
        for spell in spells:
            if spell.since <= order.opened_at and (spell.until is None or order.opened_at < spell.until):
                granted = spell.terms[f"{name}.{order.place.value}"]
                return Owed(int(granted.value), granted.rule)
        return None

    return owed


def slowest_of(spells: Sequence[Spell]) -> Granted | None:
    """The longest interval promised in the month: nobody was promised more than that all month long."""
    given = [each.terms["interval_s"] for each in spells if "interval_s" in each.terms]
    return max(given, key=lambda each: int(each.value), default=None)
