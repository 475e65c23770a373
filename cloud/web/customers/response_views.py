"""Load response as people read it: what is too much, who can shift, what came of it, each in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cloud.tiers.response.candidates import Cover, Left, Need, Origin, Verdict
from cloud.tiers.response.planning import Overload, Plan
from cloud.tiers.response.rules import Answer, State, Step
from cloud.tiers.response.settlement import Line, Why
from cloud.tiers.response.store import Event, Invitation
from cloud.web.language import NONE, Words, mark
from cloud.web.load.figures import Figure, figure, slot_time
from cloud.web.load.plot import Mark, Series, Sheet

STATES = {
    State.PROPOSED: ("none", mark("proposed, not approved")),
    State.APPROVED: ("none", mark("approved")),
    State.INVITED: ("warn", mark("customers are asked")),
    State.CLOSED: ("warn", mark("answers are closed")),
    State.RUNNING: ("warn", mark("under way")),
    State.ENDED: ("none", mark("over, not yet measured")),
    State.MEASURED: ("good", mark("effect measured")),
    State.SETTLED: ("good", mark("paid out")),
    State.CANCELLED: ("none", mark("cancelled")),
}
ANSWERS = {
    Answer.CHOSEN: mark("chosen, not asked yet"),
    Answer.LEFT_OUT: mark("may no longer be asked"),
    Answer.INVITED: mark("asked, no answer yet"),
    Answer.ACCEPTED: mark("takes part"),
    Answer.DECLINED: mark("said no"),
    Answer.WITHDRAWN: mark("pulled out"),
    Answer.NO_ANSWER: mark("did not answer"),
}
STEPS = {
    Step.APPROVE: mark("Approve"),
    Step.INVITE: mark("Ask the customers"),
    Step.MEASURE: mark("Measure the effect"),
    Step.SETTLE: mark("Settle and pay"),
    Step.CANCEL: mark("Cancel the event"),
}
"""Those that a person takes."""
TAKEN = {
    "propose": mark("event proposed"),
    "approve": mark("approved"),
    "invite": mark("customers asked"),
    "close": mark("answers closed"),
    "start": mark("hours begun"),
    "end": mark("hours over"),
    "measure": mark("effect measured"),
    "settle": mark("paid out"),
    "cancel": mark("cancelled"),
}
ORIGINS = {
    Origin.DECLARED: mark("the customer's own word"),
    Origin.FORECAST: mark("by its forecast"),
    Origin.TYPICAL: mark("by a typical day"),
}
LEFT = {
    Left.NO_CONSENT: mark("no consent to be asked"),
    Left.HOUSEHOLD: mark("protected household"),
    Left.IMPORTANT: mark("important customer"),
    Left.HELP: mark("customer who needs help"),
    Left.CONTINUITY: mark("must not be interrupted"),
    Left.TROUBLED: mark("an outage, report or complaint is open"),
    Left.OFTEN: mark("asked that day, or often enough this month"),
    Left.LITTLE: mark("too little to shift"),
    Left.UNKNOWN: mark("nothing known of its load"),
}
WHY = {
    Why.MEASURED: mark("as measured"),
    Why.BOUNDED: mark("up to what was accepted"),
    Why.BELOW_LEAST: mark("below the share that is paid"),
    Why.NOTHING: mark("nothing was shifted"),
    Why.NOT_MEASURED: mark("could not be measured"),
}
REFUSED = {
    "few_days": mark("too few comparable days before"),
    "no_load": mark("nothing drawn on comparable days"),
    "not_read": mark("not read during the event"),
}
VERDICTS = {
    Verdict.ENOUGH: ("good", mark("enough")),
    Verdict.LIKELY: ("warn", mark("likely enough")),
    Verdict.SHORT: ("bad", mark("not enough")),
}


@dataclass(frozen=True, slots=True)
class Hours:
    """A spell of a day that an event could be; `address` leads to who could shift then."""

    text: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class OverloadRow:
    subject: str
    name: str
    over: str
    limit: str
    chance: str
    spells: tuple[Hours, ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    id: int
    name: str
    when: str
    state: tuple[str, str]
    asked: str
    measured: str


@dataclass(frozen=True, slots=True)
class InvitationRow:
    account: str
    asked: str
    accepted: str
    answer: str
    measured: str
    share: str
    error: str
    paid: str


def overload_rows(found: Sequence[Overload], names: Mapping[str, str], words: Words) -> list[OverloadRow]:
    return [
        OverloadRow(
            each.subject,
            names.get(each.subject, each.subject),
            between(each.need.p50_kw, each.need.p90_kw, words),
            words.number(each.need.limit_kw, 1),
            words.percent(each.over_probability),
            tuple(Hours(f"{slot_time(a, 96)}–{slot_time(b, 96)}", a, b) for a, b in each.spells),
        )
        for each in found
    ]


def between(low: float, high: float, words: Words) -> str:
    return f"{words.number(low, 1)}–{words.number(high, 1)} kW"


def lead(found: Sequence[Overload], unknown: int, areas: int, words: Words) -> str:
    """The day in a sentence or two; of `unknown` among all `areas` nothing is known, which is not well."""
    said = (
        words.many(
            "%(num)s transformer may go above its limit on this day.",
            "%(num)s transformers may go above their limits on this day.",
            len(found),
        )
        if found
        else words.text("No transformer is expected to go above its limit on this day.")
    )
    if not unknown:
        return said
    if unknown == areas:
        said = ""
    more = words.many(
        "Of %(num)s transformer nothing can be said: its capacity or its forecast lacks.",
        "Of %(num)s transformers nothing can be said: their capacity or their forecast lacks.",
        unknown,
    )
    return said + ("" if words.language == "zh_CN" or not said else " ") + more


def verdict(found: Plan, words: Words) -> tuple[str, str, str]:
    """A sign, a word and a sentence: whether it is enough, and what else there is."""
    need, cover = found.need, found.cover
    if need is None or cover is None:
        said = words.text("Nothing is known of these hours: no forecast, or no limit to hold it against.")
        return "none", words.text("not known"), said
    sign, word = VERDICTS[cover.verdict]
    return sign, words.text(word), _verdict(need, cover, words)


def _verdict(need: Need, cover: Cover, words: Words) -> str:
    values = {
        "over": between(need.p50_kw, need.p90_kw, words),
        "kw": words.number(cover.kw, 1),
        "span": between(cover.low_kw, cover.high_kw, words),
        "lacking": words.number(cover.lacking_kw, 1),
    }
    if cover.verdict is Verdict.ENOUGH:
        return words.text(
            "Too much: %(over)s. Customers are expected to shift %(kw)s kW (%(span)s).", **values
        )
    if cover.verdict is Verdict.LIKELY:
        return words.text(
            "Too much: %(over)s. Customers are expected to shift %(kw)s kW (%(span)s), which is not sure "
            "to be enough.",
            **values,
        )
    return words.text(
        "Too much: %(over)s. Customers are expected to shift %(kw)s kW (%(span)s); %(lacking)s kW lack. "
        "Tell dispatch: load has to be moved to another transformer, or the line made stronger, which is "
        "decided elsewhere.",
        **values,
    )


def left_out(left: Mapping[str, Left], words: Words) -> str:
    counts: dict[Left, int] = {}
    for why in left.values():
        counts[why] = counts.get(why, 0) + 1
    return words.listed([f"{words.text(LEFT[why])} {counts[why]}" for why in Left if why in counts])


def when(start: datetime, end: datetime, words: Words) -> str:
    day = words.day(start.astimezone(words.zone).date())
    return f"{day} {words.time(start)}–{words.time(end)}"


def event_row(event: Event, answers: Mapping[Answer, int], name: str, words: Words) -> EventRow:
    kind, word = STATES[event.state]
    accepted = answers.get(Answer.ACCEPTED, 0)
    asked = words.text("%(accepted)s of %(asked)s asked", accepted=accepted, asked=sum(answers.values()))
    return EventRow(
        event.id, name, when(event.times.start, event.times.end, words), (kind, words.text(word)), asked,
        kwh(((event.result or {}).get("reduction") or {}).get("kwh"), words),
    )  # fmt: skip


def kwh(value: float | None, words: Words) -> str:
    return NONE if value is None else f"{words.number(value, 1)} kWh"


def span(found: Mapping[str, Any] | None, words: Words) -> str:
    """The bounds that a figure lies between, or why there are none."""
    if not found or found["low"] is None:
        return words.text("how sure is not known: too few comparable days")
    low, high = (words.number(found[name], 1) for name in ("low", "high"))
    return words.text("between %(low)s and %(high)s kWh", low=low, high=high)


def effect_said(event: Event, words: Words) -> str:
    """What an event did, in plain words."""
    result = event.result or {}
    reduction = result.get("reduction")
    if not reduction:
        return words.text("Nothing could be measured: nobody who took part has comparable days and readings.")
    values = {
        "kwh": words.number(reduction["kwh"], 1),
        "span": span(reduction, words),
        "accepted": words.number(result["accepted_kwh"], 1),
        "rebound": words.number(result["rebound"]["kwh"], 1),
        "net": words.number(result["net"]["kwh"], 1),
    }
    sure = reduction["low"] is not None and reduction["low"] > 0
    if reduction["kwh"] < 0:
        more = words.number(-reduction["kwh"], 1)
        return words.text(
            "Nothing was shifted: %(more)s kWh more were drawn than the baseline (%(span)s); %(accepted)s "
            "kWh were accepted.",
            more=more,
            **values,
        )
    first = (
        words.text("Shifted: %(kwh)s kWh (%(span)s) of %(accepted)s kWh that were accepted.", **values)
        if sure
        else words.text(
            "%(kwh)s kWh less were drawn (%(span)s), of %(accepted)s kWh that were accepted: no more than "
            "the baseline errs by itself, so no effect is proven.",
            **values,
        )
    )
    more = words.text("Afterwards %(rebound)s kWh more than usual were drawn; %(net)s kWh remain.", **values)
    return first + ("" if words.language == "zh_CN" else " ") + more


def error_said(result: Mapping[str, Any], words: Words) -> str:
    """How far the baseline itself is off on days without an event."""
    if result.get("bias") is None or result.get("cv_rmse") is None:
        return ""
    return words.text(
        "On %(days)s comparable days without an event the plain baseline was off by %(bias)s in all and "
        "%(error)s in a quarter-hour. The mean of that is taken off; the bounds come of the rest.",
        days=result["days"],
        bias=words.percent(result["bias"]),
        error=words.percent(result["cv_rmse"]),
    )


def chart(result: Mapping[str, Any], words: Words) -> Figure | None:
    """What was drawn beside what would have been, from three hours before the event to the rebound's end."""
    if not result.get("kw") or all(each is None for each in result["kw"]):
        return None
    start, end, after = result["window"]
    first, last = max(0, start - 12), min(len(result["kw"]), after)
    drawn, usual = (result[name][first:last] for name in ("kw", "baseline_kw"))
    series = (
        Series(words.text("would have been drawn"), usual, "b"),
        Series(words.text("was drawn"), drawn, "a"),
    )
    names = [slot_time(slot % 96, 96) for slot in range(first, last)]
    marks = (
        Mark(start - first, slot_time(start, 96)),
        Mark(end - first, slot_time(end % 96, 96)),
    )
    said = words.text(
        "All who took part together. From %(start)s to %(end)s what lies below the baseline was saved; what "
        "lies above it afterwards was drawn later instead.",
        start=slot_time(start, 96),
        end=slot_time(end % 96, 96),
    )
    return figure(Sheet(last - first, "kW", series, marks, names), said, position=words.text("clock time"))


def invitation_row(found: Invitation, lines: Sequence[Line], words: Words) -> InvitationRow:
    result = found.result or {}
    refused = result.get("refused")
    measured = kwh((result.get("reduction") or {}).get("kwh"), words)
    return InvitationRow(
        found.account,
        kw(found.asked_kw, words),
        kw(found.accepted_kw, words),
        words.text(ANSWERS[found.state]),
        words.text(REFUSED[refused]) if refused in REFUSED else measured,
        words.percent(result.get("share")),
        words.percent(result.get("cv_rmse")),
        paid(lines, words),
    )


def kw(value: Decimal | None, words: Words) -> str:
    return NONE if value is None else f"{words.number(float(value), 1)} kW"


def paid(lines: Sequence[Line], words: Words) -> str:
    if not lines:
        return NONE
    amount = words.number(float(sum(each.amount for each in lines)), 2)
    return words.text("%(amount)s CNY (%(why)s)", amount=amount, why=words.text(WHY[lines[0].why]))
