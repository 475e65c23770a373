"""A campaign as people read it: its state, who was left out, and what it changed in one plain sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloud.tiers.campaigns.plan import MeasurePlan, Metric
from cloud.tiers.campaigns.rules import Event, OfferState, State
from cloud.tiers.campaigns.uplift import Verdict
from cloud.web.language import Words, mark
from cloud.web.load.figures import Figure, figure
from cloud.web.load.plot import Mark, Series, Sheet

STATES = {
    State.DRAFT: ("none", mark("draft")),
    State.APPROVED: ("good", mark("approved")),
    State.RUNNING: ("good", mark("running")),
    State.ENDED: ("none", mark("ended")),
    State.MEASURED: ("good", mark("effect measured")),
    State.CANCELLED: ("none", mark("cancelled")),
}
MEASURED = {
    Verdict.SHOWN: ("good", mark("effect measured")),
    Verdict.NONE_SHOWN: ("none", mark("measured, no effect shown")),
    Verdict.TOO_FEW: ("none", mark("measured, too few customers")),
}
EVENTS = {
    "write": mark("Written"),
    Event.EDIT: mark("Changed"),
    Event.APPROVE: mark("Approved"),
    Event.RETURN: mark("Sent back"),
    Event.START: mark("Started"),
    Event.END: mark("Ended"),
    Event.MEASURE: mark("Measured"),
    Event.CANCEL: mark("Cancelled"),
}
OFFERS = {
    OfferState.SENT: mark("sent, not opened"),
    OfferState.SEEN: mark("seen, not answered"),
    OfferState.ACCEPTED: mark("taken up"),
    OfferState.DECLINED: mark("declined"),
    OfferState.EXPIRED: mark("never answered"),
    OfferState.HELD_OUT: mark("held out"),
}
METRICS = {
    Metric.KWH_IN_HOURS: mark("kWh a day in these hours"),
    Metric.TOTAL_KWH: mark("kWh a day"),
    Metric.VALLEY_SHARE: mark("share of the valley bands"),
    Metric.PEAK_SHARE: mark("share of the peak bands"),
    Metric.TAKE_UP: mark("take-up alone"),
}
KINDS = {
    "promotion": mark("Promotion"),
    "product": mark("A product"),
    "message": mark("Message"),
}
_SHARES = (Metric.VALLEY_SHARE, Metric.PEAK_SHARE)


@dataclass(frozen=True, slots=True)
class Measured:
    """`lead` in one sentence; `rows` (what, value, interval); `notes` what it rests on."""

    lead: str
    sign: str
    rows: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    chart: Figure | None


def state(of: str, result: Mapping[str, Any] | None, words: Words) -> tuple[str, str]:
    """A sign and a word. Measured is good only where an effect is shown."""
    sign, name = STATES[State(of)]
    if of == State.MEASURED and result is not None and result["effect"] is not None:
        sign, name = MEASURED[Verdict(result["effect"]["verdict"])]
    return sign, words.text(name)


def measured(result: Mapping[str, Any], words: Words) -> Measured:
    """Of a stored measurement."""
    plan = MeasurePlan.model_validate(result["plan"])
    effect = result["effect"]
    take_up = _take_up(result, words)
    if effect is None:
        return Measured(take_up or words.text("Nobody was offered anything."), "none", (), (), None)
    lead, sign = _lead(effect, plan, words)
    rows = [
        (words.text(name), _value(each["value"], plan, words), _span(each, plan, words))
        for name, each in (
            (mark("Effect on all offered, taken or not"), effect["all_offered"]),
            (mark("Effect on those who took part"), effect["takers"]),
        )
        if each is not None
    ]
    notes = [
        *([take_up] if take_up else []),
        _customers(effect, words),
        words.text(
            "Only measured days count: %(coverage)s of the time was read, %(estimated)s of it estimated and "
            "left out.",
            coverage=words.percent(result["coverage"]),
            estimated=words.percent(result["estimated_share"]),
        ),
    ]
    if effect["takers"] is not None:
        notes.append(
            words.text(
                "That on those who took part supposes that an offer nobody took changed nothing: it is "
                "reckoned from the one above and their share, not compared with those who declined."
            )
        )
    return Measured(lead, sign, tuple(rows), tuple(notes), _chart(effect, plan, lead, words))


def periods(plan: MeasurePlan, words: Words) -> str:
    return words.text(
        "%(metric)s; %(before_from)s – %(before_to)s against %(after_from)s – %(after_to)s",
        metric=metric(plan, words),
        before_from=plan.before_from,
        before_to=plan.before_to,
        after_from=plan.after_from,
        after_to=plan.after_to,
    )


def metric(plan: MeasurePlan, words: Words) -> str:
    said = words.text(METRICS[plan.metric])
    if not plan.hours:
        return said
    return words.text("%(metric)s, %(hours)s", metric=said, hours=words.listed(list(plan.hours)))


def _lead(effect: Mapping[str, Any], plan: MeasurePlan, words: Words) -> tuple[str, str]:
    found = effect["all_offered"]
    if effect["verdict"] == Verdict.TOO_FEW:
        return words.text(
            "Nothing can be said: %(held)s customers held out and %(offered)s offered have enough measured "
            "days; at least %(least)s on either side are needed.",
            held=words.number(effect["held_out"]["customers"]),
            offered=words.number(effect["offered"]["customers"]),
            least=words.number(effect["min_per_arm"]),
        ), "none"
    sure = words.percent(effect["confidence"])
    if effect["verdict"] == Verdict.NONE_SHOWN:
        return words.text(
            "No effect is shown: with %(sure)s certainty it lies %(span)s. An effect of %(findable)s would "
            "have shown in four campaigns of five.",
            sure=sure,
            span=_span(found, plan, words),
            findable=_value(effect["findable"], plan, words, sign=False),
        ), "warn"
    relative = effect["relative"]
    value = _value(found["value"], plan, words)
    if relative is not None:
        value = words.text("%(value)s, %(share)s", value=value, share=f"{relative['value']:+.1%}")
    said = words.text(
        "All who were offered it, taken or not: %(value)s against the hold-out; with %(sure)s certainty "
        "%(span)s.",
        value=value,
        sure=sure,
        span=_span(found, plan, words),
    )
    return said, "good"


def _take_up(result: Mapping[str, Any], words: Words) -> str:
    taken = result["take_up"]
    if taken is None:
        return ""
    return words.text(
        "%(share)s of those offered took part (%(low)s to %(high)s).",
        share=words.percent(taken["value"]),
        low=words.percent(taken["low"]),
        high=words.percent(taken["high"]),
    )


def _customers(effect: Mapping[str, Any], words: Words) -> str:
    lost = effect["offered"]["left_out"] + effect["held_out"]["left_out"]
    return words.text(
        "Compared: %(offered)s customers offered, %(held)s held out; %(lost)s left out for want of measured "
        "days.",
        offered=words.number(effect["offered"]["customers"]),
        held=words.number(effect["held_out"]["customers"]),
        lost=words.number(lost),
    )


def _chart(effect: Mapping[str, Any], plan: MeasurePlan, lead: str, words: Words) -> Figure | None:
    """Both sides before and after, and where the offered would have come without an offer."""
    offered, held, found = effect["offered"], effect["held_out"], effect["all_offered"]
    if found is None or offered["after"] is None or held["after"] is None:
        return None
    scale = 100 if plan.metric in _SHARES else 1
    without = offered["after"] - found["value"]
    series = (
        Series(words.text("customers offered"), _scaled(scale, offered["before"], offered["after"]), "a"),
        Series(words.text("customers held out"), _scaled(scale, held["before"], held["after"]), "b"),
        Series(words.text("offered, as without an offer"), _scaled(scale, offered["before"], without), "c"),
    )
    names = [words.text("before"), words.text("after")]
    marks = tuple(Mark(number + 0.5, name) for number, name in enumerate(names))
    unit = "%" if scale == 100 else "kWh"
    return figure(Sheet(2, unit, series, marks, names, whole=False), lead)


def _scaled(scale: int, *values: float) -> tuple[float, ...]:
    return tuple(each * scale for each in values)


def _value(value: float, plan: MeasurePlan, words: Words, *, sign: bool = True) -> str:
    """With its unit; a share in percentage points."""
    plus = "+" if sign and value > 0 else ""
    if plan.metric in _SHARES:
        return words.text("%(value)s percentage points", value=plus + words.number(value * 100, 1))
    digits = 2 if abs(value) < 10 else 1
    return words.text("%(value)s kWh a day", value=plus + words.number(value, digits))


def _span(each: Mapping[str, float], plan: MeasurePlan, words: Words) -> str:
    return words.text(
        "between %(low)s and %(high)s",
        low=_value(each["low"], plan, words),
        high=_value(each["high"], plan, words),
    )
