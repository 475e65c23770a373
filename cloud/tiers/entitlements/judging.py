"""Judges every promise to one account in a month out of what was gathered: which verdict is asked of what."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from cloud.tiers.entitlements import verdicts
from cloud.tiers.entitlements.document import Kept
from cloud.tiers.entitlements.evidence import OrderFact
from cloud.tiers.entitlements.gathering import Known
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.rules import Granted
from cloud.tiers.entitlements.store import Spell
from cloud.tiers.entitlements.terms import Manager, Reach
from cloud.tiers.entitlements.verdicts import Owed, Part, Verdict


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
        due = month.after.replace(day=kept.report_by_day)
        days = [each for each in recorded.get(How.REPORT, ()) if each >= month.after]
        yield verdicts.recorded(
            Part.REPORT, report.rule, {"by": due.isoformat()}, days[:1], due=due, today=today
        )
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
