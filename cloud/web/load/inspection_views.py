"""What is worth a look on site, as people read it: evidence with its numbers, never a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from cloud.analysis.loss.evidence import Check, Fact, Kind
from cloud.insight.loss.rules import WAITING, Event, Result, State
from cloud.insight.loss.store import Inspection, Precision
from cloud.web.language import Words, mark
from cloud.web.load.quality import number, percent

KINDS = {
    Kind.UNDER_REGISTERED: mark("may register less than is used"),
    Kind.WRONG_AREA: mark("may hang in another area"),
    Kind.CROSSED: mark("two meters may be crossed"),
    Kind.WRONG_RATIO: mark("ratio K may be wrong"),
    Kind.AREA_RATIO: mark("ratio K of the area meter may be wrong"),
    Kind.FALLEN: mark("use fell and stayed low"),
    Kind.METER_FAULT: mark("meter may be at fault"),
    Kind.AREA_HIGH: mark("high loss without a pointer to one customer"),
    Kind.AREA_NEGATIVE: mark("more is sold than supplied"),
}
CHECKS = {
    Check.SEAL_AND_WIRING: mark("seal and wiring"),
    Check.COMPARE_WITH_STANDARD: mark("compare with a standard meter"),
    Check.CT_NAMEPLATE: mark("nameplate of the current transformers"),
    Check.PHASES_AND_VOLTAGE: mark("phases and voltage at the meter"),
    Check.WHICH_AREA_SUPPLIES: mark("which area truly supplies it"),
    Check.WHICH_METER_SERVES: mark("which meter serves which account"),
    Check.AREA_METER: mark("area meter and its ratio"),
    Check.UNMETERED_SUPPLY: mark("supply without a meter (street light, works)"),
    Check.OCCUPANCY: mark("whether the place is still in use"),
    Check.BACKFEED: mark("feed-in that no meter counts"),
}
STATES = {
    State.OPEN: ("warn", mark("waits")),
    State.ORDERED: ("none", mark("ordered")),
    State.INSPECTED: ("good", mark("looked at")),
    State.LAPSED: ("none", mark("evidence went away")),
}
RESULTS = {
    Result.CONFIRMED: mark("it was as listed"),
    Result.OTHER: mark("something else was wrong"),
    Result.NOTHING: mark("nothing was wrong"),
}
EVENTS = {
    Event.ORDER: mark("ordered to look"),
    Event.WITHDRAW: mark("order withdrawn"),
    Event.INSPECT: mark("result written down"),
    Event.FOUND_AGAIN: mark("found again"),
    Event.GONE: mark("evidence gone"),
}
FACTS = {
    Fact.EXPLAINS_LOSS: mark(
        "Its energy explains the area's loss: %(share)s of the real use may not be registered, "
        "%(kwh_month)s kWh a month (80%% sure: %(low)s to %(high)s), on %(days)s days."
    ),
    Fact.STEADY: mark("It came again in %(halves)s of the halves of the days; probability %(probability)s."),
    Fact.AREA_LOSS: mark("The area loses %(rate)s, %(kwh_month)s kWh a month, on %(days)s days (z %(z)s)."),
    Fact.HERE_AND_THERE: mark(
        "The loss here is off by %(here)s of its energy, that of area %(area)s by %(there)s."
    ),
    Fact.FITS_RATIO: mark(
        "Its energy should be %(factor)s times what it is: K %(ratio)s in use, %(fits)s fits."
    ),
    Fact.FELL: mark(
        "Its use fell by %(fall)s on %(since)s and stayed there, %(kwh_day)s kWh a day; that of its "
        "neighbours by %(peers_fall)s."
    ),
    Fact.LOSS_ROSE: mark("Since then the area's loss is higher by %(kwh_day)s kWh a day."),
    Fact.EVENTS: mark("Its readings broke rule %(rule)s on %(days)s days, last on %(last)s."),
    Fact.AS_EACH_OTHER: mark(
        "Since %(since)s each goes on as the other did before (distance to itself %(own)s, to the other "
        "%(cross)s)."
    ),
    Fact.SEEN_BEFORE: mark("Looked at before, on %(on)s: %(result)s."),
}
SHARES = frozenset({"share", "probability", "halves", "rate", "here", "there", "fall", "peers_fall"})
DIGITS = {"z": 1, "factor": 3, "own": 1, "cross": 1, "ratio": 0, "fits": 0, "days": 0}


@dataclass(frozen=True, slots=True)
class Item:
    """One place worth a look; kWh of a month as text with its 80 % range."""

    id: int
    kind: str
    area: str
    area_name: str
    point: str | None
    other: str | None
    state: tuple[str, str]
    waits: bool
    kwh: str
    span: str
    strength: str
    evidence: tuple[str, ...]
    checks: tuple[str, ...]
    first: date
    last: date
    order: str | None
    result: str
    recovered: float | None
    inspected_at: datetime | None


def item(each: Inspection, names: Mapping[str, str], words: Words) -> Item:
    state = State(each.state)
    sign, word = STATES[state]
    low, high = number(each.low_kwh), number(each.high_kwh)
    span = "" if low is None or high is None else f"{words.number(low)} – {words.number(high)}"
    return Item(
        each.id,
        words.text(KINDS[Kind(each.kind)]),
        each.area,
        names.get(each.area, each.area),
        each.point,
        each.other,
        (sign, words.text(word)),
        state in WAITING,
        words.number(number(each.expected_kwh)),
        span,
        percent(each.strength, words),
        tuple(fact(line, words) for line in each.evidence),
        tuple(words.text(CHECKS[Check(code)]) for code in each.checks),
        each.from_day,
        each.to_day,
        each.order,
        words.text(RESULTS[Result(each.result)]) if each.result else "",
        each.recovered_kwh,
        each.inspected_at,
    )


def fact(line: Mapping[str, Any], words: Words) -> str:
    """One line of evidence as a sentence with its numbers; a number that is lacking is a dash."""
    code = Fact(line["code"])
    values = {name: _value(name, value, words) for name, value in line.items() if name != "code"}
    return words.text(FACTS[code]) % _Known(values)


class _Known(dict[str, str]):
    """What the sentence asks for and the evidence does not have is a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def _value(name: str, value: Any, words: Words) -> str:
    if name == "result" and value in set(Result):
        return words.text(RESULTS[Result(value)])
    if name in ("since", "last", "on") and isinstance(value, str):
        return words.day(date.fromisoformat(value))
    if value is None or isinstance(value, str):
        return value or "–"
    if name in SHARES:
        return ("-" if value < 0 else "") + percent(abs(value), words)
    return words.number(number(value), DIGITS.get(name, 1))


def worth(of: Precision, words: Words) -> str:
    """What the list has been worth so far: told beside it, so that nobody takes it for more."""
    if not of.inspected:
        return words.text(
            "Nobody has looked at any of it yet. In published field trials about one look in seven found "
            "something."
        )
    return words.text(
        "Of the last %(inspected)s looks %(share)s found something: %(confirmed)s as listed, %(other)s of "
        "another kind, %(nothing)s nothing; %(kwh)s kWh a month are registered again.",
        inspected=of.inspected,
        share=percent(of.share, words),
        confirmed=of.confirmed,
        other=of.other,
        nothing=of.nothing,
        kwh=words.number(of.recovered_kwh),
    )


def events(rows: Sequence[Row[Any]], words: Words) -> list[tuple[str, datetime, str, str]]:
    """(what, when, who, note), newest first."""
    return [
        (
            words.text(EVENTS[Event(row.event)]) if row.event in set(Event) else row.event,
            row.at,
            row.who,
            row.note,
        )
        for row in reversed(rows)
    ]


def choices(words: Words) -> dict[str, dict[str, str]]:
    return {
        "results": {each.value: words.text(name) for each, name in RESULTS.items()},
        "kinds": {each.value: words.text(name) for each, name in KINDS.items()},
    }
