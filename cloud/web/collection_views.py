"""Rates, strips and gaps as people read them: every rate with its denominator and what was left out of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from cloud.alerts.policy import AlertKind
from cloud.fleet.command_rules import CommandState
from cloud.metering.ledger.rates import Collected, Rate
from cloud.metering.ledger.reasons import Cause, Excluded, Freeze, GapState, Hopeless
from cloud.metering.ledger.strips import Slot, Strip
from cloud.web.language import NONE, Words, mark
from cloud.web.names import ALERTS

FREEZE, CURVE, ON_DEMAND = mark("Daily freeze"), mark("Curve completeness"), mark("Read on demand")
EXCLUDED = {
    Excluded.NOT_COMMISSIONED: mark("not yet commissioned"),
    Excluded.DISCONNECTED: mark("disconnected"),
    Excluded.PLANNED_OUTAGE: mark("planned outage"),
    Excluded.CONFIRMED_OUTAGE: mark("confirmed outage"),
}
CAUSES = {
    Cause.DECLARED_DROP: mark("given up by the gateway"),
    Cause.BROKER: mark("broker down"),
    Cause.GATEWAY: mark("gateway"),
    Cause.LINE: mark("line"),
    Cause.METER: mark("silent meter"),
    Cause.CLOCK: mark("clock"),
    Cause.UNKNOWN: mark("cause not known"),
}
STATES = {
    GapState.OPEN: ("warn", mark("open")),
    GapState.ORDERED: ("none", mark("re-read ordered")),
    GapState.REPAIRED: ("good", mark("repaired")),
    GapState.NOT_REPAIRABLE: ("bad", mark("not repairable")),
    GapState.EXCLUDED: ("none", mark("left out")),
}
HOPELESS = {
    Hopeless.NO_MEMORY: mark("this kind of meter remembers nothing"),
    Hopeless.TOO_OLD: mark("older than meters remember"),
    Hopeless.METER_HAS_NONE: mark("the meter has no value of then"),
    Hopeless.TRIES_SPENT: mark("asked several times in vain"),
}
FREEZES = {
    Freeze.ON_TIME: ("good", mark("in time")),
    Freeze.LATE: ("warn", mark("late")),
    Freeze.MISSING: ("bad", mark("missing")),
    Freeze.PENDING: ("none", mark("awaited")),
    Freeze.EXCLUDED: ("none", mark("left out")),
    Freeze.NOT_DUE: ("none", mark("none is made")),
}
OUTCOMES = {
    CommandState.DONE: mark("done"),
    CommandState.FAILED: mark("failed"),
    CommandState.EXPIRED: mark("expired"),
    CommandState.REFUSED: mark("refused"),
    CommandState.UNKNOWN: mark("outcome not known"),
    CommandState.CANCELLED: mark("cancelled"),
}
SLOTS = {
    Slot.HEARD: mark("read"),
    Slot.LATE: mark("read late"),
    Slot.MISSING: mark("missing"),
    Slot.EXCLUDED: mark("left out"),
}
WHAT = {
    "not_heard": mark("the gateway is not heard"),
    "backlog": mark("the gateway holds readings back"),
    "none_read": mark("none of its meters was read then"),
    "unanswered": mark("the meter leaves asks unanswered"),
    "gateway_clock": mark("the gateway's clock was not set"),
    "meter_clock": mark("the meter's clock is far off"),
    "dropped": mark("the gateway gave up readings at its disk limit"),
}


def share(value: float | None, words: Words) -> str:
    """To a hundredth of a percent, and never rounded up to a hundred."""
    if value is None:
        return NONE
    shown = min(round(value * 100, 2), 99.99) if value < 1 else 100.0
    return f"{words.number(shown, 2)}%"


@dataclass(frozen=True, slots=True)
class RateView:
    """`of`: received / expected; `notes`: missing, late, pending, and what was left out, by reason."""

    name: str
    share: str
    of: str
    notes: tuple[str, ...]
    value: float | None


def rate(name: str, each: Rate, words: Words) -> RateView:
    notes = []
    if each.missing:
        notes.append(words.text("%(count)s missing", count=words.number(each.missing)))
    if each.late:
        notes.append(words.text("%(count)s late", count=words.number(each.late)))
    if each.pending:
        notes.append(words.text("%(count)s not ended", count=words.number(each.pending)))
    for reason, count in each.excluded.items():
        what = words.text(EXCLUDED[reason])
        notes.append(words.text("left out: %(count)s %(why)s", count=words.number(count), why=what))
    of = f"{words.number(each.received)} / {words.number(each.expected)}"
    return RateView(words.text(name), share(each.share, words), of, tuple(notes), each.share)


def rate_views(each: Collected, words: Words) -> tuple[RateView, RateView, RateView]:
    return (
        rate(FREEZE, each.freeze, words),
        rate(CURVE, each.curve, words),
        rate(ON_DEMAND, each.on_demand, words),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """An area or gateway with its rates."""

    id: str
    name: str
    meters: str
    silent: int
    freeze: RateView
    curve: RateView
    on_demand: RateView


SORTS = ("curve", "freeze", "on_demand", "name")


def places(
    rows: Iterable[Collected], names: Mapping[str, str], words: Words, sort: str = "curve"
) -> list[Place]:
    """The worst first; what has no rate comes last."""
    found = [
        Place(each.key, names.get(each.key, each.key), words.number(each.meters), each.silent, *rates)
        for each in rows
        for rates in (rate_views(each, words),)
    ]
    if sort == "name":
        return sorted(found, key=lambda each: each.name)
    return sorted(found, key=lambda each: (_worst(getattr(each, sort).value), each.name))


def _worst(value: float | None) -> float:
    return 2.0 if value is None else value


@dataclass(frozen=True, slots=True)
class StripView:
    """A day of a meter: `runs` are (what, first slot, length, title)."""

    meter: str
    day: date
    slots: int
    runs: tuple[tuple[str, int, int, str], ...]
    said: str
    received: str
    missing: int
    late: int
    left_out: str
    freeze: tuple[str, str]
    freeze_at: datetime | None


def strip(each: Strip, words: Words) -> StripView:
    row = each.row
    said = words.text(
        "%(received)s of %(expected)s slots read, %(late)s of them late",
        received=row.received,
        expected=row.expected,
        late=row.late,
    )
    left_out = [
        f"{words.text(EXCLUDED[Excluded(reason)])} {words.number(count)}"
        for reason, count in (row.reasons or {}).items()
    ]
    kind, name = FREEZES[Freeze(row.freeze)]
    return StripView(
        row.meter,
        row.day,
        each.slots.count,
        tuple(
            (what.value, first, until - first, _title(each, what, first, until, words))
            for what, first, until in each.runs
            if what is not Slot.NONE
        ),
        said,
        f"{words.number(row.received)} / {words.number(row.expected)}",
        row.expected - row.received,
        row.late,
        words.listed(left_out),
        (kind, words.text(name)),
        row.freeze_at,
    )


def _title(each: Strip, what: Slot, first: int, until: int, words: Words) -> str:
    return f"{_span(each.slots.at(first), each.slots.at(until), words)} {words.text(SLOTS[what])}"


def _span(start: datetime, end: datetime, words: Words) -> str:
    """Within a day: its end is 24:00, and no 00:00 of the same day."""
    last = words.time(end)
    return f"{words.time(start)}–{'24:00' if last == '00:00' else last}"


@dataclass(frozen=True, slots=True)
class OrderView:
    command: str
    at: datetime
    outcome: str
    came: str


@dataclass(frozen=True, slots=True)
class GapView:
    id: int
    meter: str
    area: str
    day: date
    span: str
    slots: str
    cause: str
    evidence: tuple[str, ...]
    state: tuple[str, str]
    why: str
    orders: tuple[OrderView, ...]


def gap(row: Row[Any], orders: Sequence[Row[Any]], words: Words, now: datetime) -> GapView:
    kind, name = STATES[GapState(row.state)]
    why = words.text(HOPELESS[Hopeless(row.reason)]) if row.reason else ""
    return GapView(
        row.id,
        row.meter,
        row.area,
        row.day,
        _span(row.start, row.end, words),
        words.number(row.slots)
        if row.missing in (row.slots, 0)
        else f"{words.number(row.missing)} / {words.number(row.slots)}",
        words.text(CAUSES[Cause(row.cause)]),
        tuple(_evidence(each, words, now) for each in row.evidence),
        (kind, words.text(name)),
        why,
        tuple(_order(each, words) for each in orders if each.gap == row.id),
    )


def _order(each: Row[Any], words: Words) -> OrderView:
    came = ""
    if each.missing_after is not None:
        came = words.text(
            "%(came)s of %(asked)s came",
            came=each.missing_before - each.missing_after,
            asked=each.missing_before,
        )
    outcome = words.text(OUTCOMES[CommandState(each.outcome)] if each.outcome else mark("under way"))
    return OrderView(each.command, each.at, outcome, came)


def _evidence(each: Mapping[str, Any], words: Words, now: datetime) -> str:
    what = str(each.get("what") or "dropped")
    known = WHAT.get(what) or ALERTS[AlertKind(what)]
    parts = [words.text(known)]
    if each.get("start"):
        start = words.moment(datetime.fromisoformat(each["start"]), now)
        end = words.moment(datetime.fromisoformat(each["end"]), now) if each.get("end") else ""
        parts.append(f"{start} – {end}" if end else words.text("since %(time)s", time=start))
    if each.get("why"):
        parts.append(str(each["why"]))
    return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class CauseView:
    """How many gaps of a cause: in all, and what became of them."""

    key: str
    name: str
    gaps: int
    open: int
    repaired: int
    hopeless: int
    left_out: int


def causes(rows: Iterable[Row[Any]], words: Words) -> list[CauseView]:
    """The most frequent first."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.cause, {})[row.state] = row.gaps
    views = [
        CauseView(
            key,
            words.text(CAUSES[Cause(key)]),
            sum(states.values()),
            states.get(GapState.OPEN, 0) + states.get(GapState.ORDERED, 0),
            states.get(GapState.REPAIRED, 0),
            states.get(GapState.NOT_REPAIRABLE, 0),
            states.get(GapState.EXCLUDED, 0),
        )
        for key, states in found.items()
    ]
    return sorted(views, key=lambda each: -each.gaps)
