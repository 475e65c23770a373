"""Decides of each promise whether it was delivered: pure, every verdict with its numbers and their sources.

What is missing is never called delivered and never missed: it is not known, or was not due. What the service
itself was to make is the exception: it knows that it did not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from cloud.tiers.entitlements.evidence import NoticeFact, OrderFact
from cloud.tiers.entitlements.terms import Reach


class State(StrEnum):
    DELIVERED = "delivered"
    MISSED = "missed"
    NOT_DUE = "not_due"
    NOT_KNOWN = "not_known"


class Part(StrEnum):
    """What is promised by the month; the order is that of the pages."""

    ON_SITE = "on_site"
    RESTORE = "restore"
    NOTICES = "notices"
    INTERVAL = "interval"
    REPORT = "report"
    ADVICE = "advice"
    CONTACT = "contact"
    LIMITS = "limits"


ORDERS: Final = "work_orders"
"""Sources, as the ledger names them."""
COLLECTION: Final = "collection"
READINGS: Final = "readings"
NOTICES: Final = "notices"
RECORDED: Final = "recorded_by_a_person"
ISSUED: Final = "issued_report"
ADVICE: Final = "advice"
GIVEN: Final = "entitlements"
WATCHED: Final = "days_judged"
ORDER_ITSELF: Final = "the_order_itself"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a code where the state alone does not say it; `sources`: {figure: where it comes from}."""

    part: Part
    state: State
    rule: str
    promised: dict[str, Any]
    figures: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """So many minutes, by which rule."""

    minutes: int
    rule: str


OwedAt = Callable[[OrderFact], Owed | None]
"""What was owed when an order opened, where it was; None: nothing was written down then."""


def on_site(orders: Sequence[OrderFact], owed: OwedAt, now: datetime) -> Verdict:
    """A crew there, or supply back before one came, within the minutes from opening."""
    return _timed(
        Part.ON_SITE,
        orders,
        owed,
        now,
        begun=lambda order: order.opened_at,
        done=lambda order: min(filter(None, (order.arrived_at, order.restored_at)), default=None),
        by=lambda order: order.on_site_by,
    )


def restored(orders: Sequence[OrderFact], owed: OwedAt, now: datetime) -> Verdict:
    """Supply back within the minutes from the crew's arrival; before it nothing is counted."""
    return _timed(
        Part.RESTORE,
        orders,
        owed,
        now,
        begun=lambda order: order.arrived_at,
        done=lambda order: order.restored_at,
        by=lambda order: order.restore_by,
    )


def _timed(
    part: Part,
    orders: Sequence[OrderFact],
    owed: OwedAt,
    now: datetime,
    *,
    begun: Callable[[OrderFact], datetime | None],
    done: Callable[[OrderFact], datetime | None],
    by: Callable[[OrderFact], datetime],
) -> Verdict:
    in_time, late, open_ones, worst_min = 0, [], 0, None
    least, rule, source = None, "", GIVEN
    for order in orders:
        if order.cancelled:
            continue
        promise, start, end = owed(order), begun(order), done(order)
        if promise is None:
            source = ORDER_ITSELF
        elif least is None or promise.minutes < least:
            least, rule = promise.minutes, promise.rule
        deadline = by(order)
        if promise is not None and start is not None:
            deadline = start + timedelta(minutes=promise.minutes)
        if end is None and now <= deadline:
            open_ones += 1
        elif end is not None and (start is None or end <= deadline):
            in_time += 1
        else:
            late.append(order.number)
        if start is not None and end is not None:
            took = max(0, round((end - start).total_seconds() / 60))
            worst_min = took if worst_min is None else max(worst_min, took)
    figures = {"orders": in_time + len(late), "in_time": in_time, "late": late, "open": open_ones}
    figures["longest_min"] = worst_min
    state, reason = _of_orders(in_time, len(late), open_ones)
    sources = dict.fromkeys(figures, ORDERS) | {"minutes": source}
    return Verdict(part, state, rule, {"minutes": least}, figures, sources, reason)


def _of_orders(in_time: int, late: int, open_ones: int) -> tuple[State, str | None]:
    if late:
        return State.MISSED, None
    if open_ones:
        return State.NOT_DUE, "under_way"
    return (State.DELIVERED, None) if in_time else (State.NOT_DUE, "no_order")


@dataclass(frozen=True, slots=True)
class Collected:
    """Of one account's meters: slots of `slot_s` that were owed and came; `fine`: read in so many of the
    promised intervals out of so many, where the slots are coarser than the promise."""

    expected: int
    received: int
    excluded: int
    slot_s: int
    days: int
    fine: tuple[int, int] | None = None


def interval(promised_s: int, rule: str, found: Collected | None, least_share: float) -> Verdict:
    """Whether the meters were read as often as promised, out of what was owed."""
    promised = {"interval_s": promised_s, "share": least_share}
    if found is None or found.expected == 0:
        reason = "not_counted" if found is None else "nothing_owed"
        return Verdict(Part.INTERVAL, State.NOT_KNOWN, rule, promised, reason=reason)
    read, owed, source = found.received, found.expected, COLLECTION
    if found.slot_s > promised_s:
        if found.fine is None or found.fine[1] == 0:
            seen = {"days": found.days, "slot_s": found.slot_s}
            where = dict.fromkeys(seen, COLLECTION)
            return Verdict(Part.INTERVAL, State.NOT_KNOWN, rule, promised, seen, where, "slots_coarser")
        (read, owed), source = found.fine, READINGS
    share = read / owed
    figures: dict[str, Any] = {"read": read, "owed": owed, "kept_share": round(share, 4)}
    figures |= {"days": found.days, "excluded": found.excluded}
    sources = {"read": source, "owed": source, "kept_share": source}
    sources |= {"days": COLLECTION, "excluded": COLLECTION}
    state = State.DELIVERED if share >= least_share else State.MISSED
    return Verdict(Part.INTERVAL, state, rule, promised, figures, sources)


def notices(reach: Reach, rule: str, found: Sequence[NoticeFact], channels: int, calls: int) -> Verdict:
    """Whether every notice went as far as promised; the inbox has each of them from the first moment."""
    sent = sum(each.sent > 0 for each in found)
    lost = sum(each.dead > 0 and not each.sent and not each.pending for each in found)
    waiting = sum(each.pending > 0 and not each.sent for each in found)
    figures = {"notices": len(found), "pushed": sent, "lost": lost, "waiting": waiting, "channels": channels}
    sources = dict.fromkeys(figures, NOTICES) | {"calls": RECORDED}
    state, reason = _of_notices(reach, len(found), sent, lost, waiting, channels, calls)
    return Verdict(
        Part.NOTICES, state, rule, {"reach": reach.value}, figures | {"calls": calls}, sources, reason
    )


def _of_notices(
    reach: Reach, all_: int, sent: int, lost: int, waiting: int, channels: int, calls: int
) -> tuple[State, str | None]:
    if not all_:
        return State.NOT_DUE, "no_notice"
    if reach is Reach.INBOX:
        return State.DELIVERED, None
    if lost:
        return State.MISSED, None
    if waiting:
        return State.NOT_DUE, "under_way"
    if sent < all_:
        return State.NOT_KNOWN, "no_channel" if not channels else "not_sent"
    if reach is Reach.CALL and not calls:
        return State.NOT_KNOWN, "no_call_recorded"
    return State.DELIVERED, None


def recorded(
    part: Part,
    rule: str,
    promised: dict[str, Any],
    days: Sequence[date],
    *,
    due: date,
    today: date,
    source: str = RECORDED,
) -> Verdict:
    """What a person writes down, or a report that was issued (`source`): there by `due`, or not known."""
    figures = {"recorded": len(days), "last": max(days).isoformat() if days else None, "due": due.isoformat()}
    sources = {"recorded": source, "last": source, "due": GIVEN}
    if days and min(days) <= due:
        return Verdict(part, State.DELIVERED, rule, promised, figures, sources)
    if days:
        return Verdict(part, State.MISSED, rule, promised, figures, sources, "late")
    if today <= due:
        return Verdict(part, State.NOT_DUE, rule, promised, figures, sources, "not_yet")
    return Verdict(part, State.NOT_KNOWN, rule, promised, figures, sources, "nothing_recorded")


def advised(
    rule: str, every_months: int, last: date | None, known: bool, *, since: date, end: date
) -> Verdict:
    """Whether there was advice within so many months before the month's end; `since`: promised from then."""
    promised = {"every_months": every_months}
    figures = {"last": None if last is None else last.isoformat()}
    sources = {"last": ADVICE}
    if last is not None and last >= _months_before(end, every_months):
        return Verdict(Part.ADVICE, State.DELIVERED, rule, promised, figures, sources)
    if not known:
        return Verdict(Part.ADVICE, State.NOT_KNOWN, rule, promised, figures, sources, "not_kept")
    if since > _months_before(end, every_months):
        return Verdict(Part.ADVICE, State.NOT_DUE, rule, promised, figures, sources, "not_yet")
    return Verdict(Part.ADVICE, State.MISSED, rule, promised, figures, sources)


def _months_before(day: date, months: int) -> date:
    """The same day so many months before, or the last of that month."""
    number = day.year * 12 + day.month - 1 - months
    first = date(number // 12, number % 12 + 1, 1)
    following = date((number + 1) // 12, (number + 1) % 12 + 1, 1)
    return min(first.replace(day=1) + timedelta(days=day.day - 1), following - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Days:
    """Of one limit in a month: days `judged`, days that could not be, days on which it was `passed`; of these
    those of which nobody was told, and those that were judged a short time ago."""

    limit: str
    judged: int
    unknown: int
    passed: int
    untold: int
    waiting: int


def limits(rule: str, promised: dict[str, Any], found: Sequence[Days]) -> Verdict:
    """Whether the promised limits were looked at, and each passing was told; not whether they were kept."""
    figures: dict[str, Any] = {
        "judged": sum(each.judged for each in found),
        "unknown": sum(each.unknown for each in found),
        "passed": {each.limit: each.passed for each in found if each.passed},
        "untold": {each.limit: each.untold for each in found if each.untold},
        "never_judged": sorted(promised.keys() - {each.limit for each in found if each.judged}),
    }
    sources = dict.fromkeys(figures, WATCHED)
    state, reason = _of_limits(figures, found)
    return Verdict(Part.LIMITS, state, rule, promised, figures, sources, reason)


def _of_limits(figures: dict[str, Any], found: Sequence[Days]) -> tuple[State, str | None]:
    if figures["untold"]:
        return State.MISSED, None
    if any(each.waiting for each in found):
        return State.NOT_DUE, "under_way"
    if figures["never_judged"]:
        return State.NOT_KNOWN, "not_judged"
    return State.DELIVERED, None
