"""Says in words how an account stands: politely, of itself alone, and never a figure of anybody else."""

from collections.abc import Mapping
from typing import Any

from cloud.analysis.profile.names import WORDS as SHAPES
from cloud.tiers.axes import Axis, Credit
from cloud.tiers.rating.inputs import INPUTS
from cloud.tiers.rating.policy import Words as Names
from cloud.tiers.rating.store import UNRATED, Standing
from cloud.web.customers.axis_names import value_of
from cloud.web.language import Words, mark

INPUT_NAMES = {
    "annual_kwh": mark("electricity used in a year"),
    "revenue": mark("bills of a year"),
    "growth": mark("growth against the year before"),
    "punctuality": mark("share of bills paid in time"),
    "load_factor": mark("evenness of the load (load factor)"),
    "valley_share": mark("share of electricity used in valley hours"),
    "peak_share": mark("share of electricity used in peak hours"),
    "coincidence": mark("load at the hours at which the area peaks"),
    "service_events": mark("call-outs without a fault"),
    "hours_of_use": mark("hours of use of the highest load"),
    "base_ratio": mark("load that never stops"),
    "season_ratio": mark("highest month against a usual one"),
    "empty_share": mark("share of days without use"),
    "valley_shift": mark("shift into valley hours within a year"),
    "step": mark("highest step reached"),
    "capacity_kva": mark("contracted capacity"),
    "kilovolts": mark("supply voltage"),
    "persons": mark("persons in the household"),
    "pv_kwp": mark("own PV"),
    "round_the_clock": mark("process round the clock"),
}
CREDIT_REASONS = {
    "days_late": mark("A bill of the last twelve months was paid %(value)s days late."),
    "late_bills": mark("%(value)s bills of the last twelve months were paid late."),
    "arrears_days": mark("A bill has been open for %(value)s days since it was due."),
    "runway_days": mark("The prepaid balance lasts %(value)s days."),
}
CODES = {
    "no_bills": mark("No bills are known yet. That is not counted against you."),
    "too_few": mark("There are too few customers of this kind to compare, so there is no tier of this sort."),
    "too_little_known": mark("Too little is known yet to compare. That is not counted against you."),
    "not_rated": mark("This kind of use is not divided further."),
    "no_other": mark("None of the special groups applies."),
    "protected": mark("The household is protected: its credit is never rated lower than this."),
}
SEVERAL = mark("No single figure would make it %(tier)s: several would have to change together.")
WAIT = mark("The figures are there for %(tier)s: it changes once they hold in %(need)s of %(of)s months.")
NOT_ADVICE = mark("This only explains the tier: it is no advice to use more.")


def value(standing: Standing, names: Mapping[str, Names], words: Words) -> str:
    """What the standing is called."""
    if standing.axis is Axis.SHAPE:
        return shape(standing.value, words)
    if standing.axis is Axis.CLASS and standing.sub is not None and standing.sub in names:
        found = names[standing.sub]
        sub = found.zh_CN if words.language == "zh_CN" else found.en
        return f"{value_of('class', standing.value, words)} · {sub}"
    return value_of(standing.axis.value, standing.value, words)


def shape(name: str, words: Words) -> str:
    """Of "evening-1"."""
    key, _, number = name.rpartition("-")
    english, chinese = SHAPES.get(key, (name, name))
    said = chinese if words.language == "zh_CN" else english
    return said if number in ("1", "") else f"{said} {number}"


def reasons(standing: Standing, names: Mapping[str, Names], words: Words) -> list[str]:
    """Why it stands so, a sentence each."""
    return [_begun(_reason(standing, each, names, words)) for each in standing.reasons]


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _reason(standing: Standing, reason: Mapping[str, Any], names: Mapping[str, Names], words: Words) -> str:
    code = reason.get("code")
    if code in CODES:
        return words.text(CODES[code])
    if code == "locked":
        if "why" not in reason:
            return words.text("The station holds it by hand until then.")
        return words.text("The station holds it by hand until then: %(why)s", why=reason["why"])
    if code == "in_time":
        return words.text(
            "%(late)s of %(bills)s bills of the last twelve months were late.",
            late=words.number(reason["late_bills"]), bills=words.number(reason["bills"]),
        )  # fmt: skip
    if code == "declared":
        return words.text("It is on the list %(list)s.", list=reason["list"])
    if code == "most_days":
        return words.text("So ran %(share)s of the days of the month.", share=words.percent(reason["value"]))
    if code == "dwell":
        following = names.get(f"{standing.value}.{reason['next']}")
        name = "" if following is None else following.zh_CN if words.language == "zh_CN" else following.en
        return words.text("It is becoming “%(name)s”; a group is kept for some months.", name=name)
    if "need" in reason:
        return _need(reason, words)
    return _measured(standing, reason, words)


def _measured(standing: Standing, reason: Mapping[str, Any], words: Words) -> str:
    name = str(reason["input"])
    if standing.axis is Axis.CREDIT:
        return words.text(CREDIT_REASONS[name], value=words.number(reason["value"]))
    said = quantity(name, reason["value"], words)
    if standing.axis is Axis.CLASS:
        return words.text("%(name)s: %(value)s", name=words.text(INPUT_NAMES[name]), value=said)
    return words.text(
        "%(name)s: %(value)s, ahead of %(share)s of comparable customers",
        name=words.text(INPUT_NAMES[name]), value=said, share=words.percent(reason["percentile"]),
    )  # fmt: skip


def _need(reason: Mapping[str, Any], words: Words) -> str:
    name = value_of("need", str(reason["need"]), words)
    if reason["origin"] == "declared":
        return words.text("%(need)s: you told us so.", need=name)
    seen = [
        f"{words.text(INPUT_NAMES[key])} {quantity(key, size, words)}"
        for key, size in reason["evidence"].items()
        if key in INPUT_NAMES
    ]
    return words.text(
        "%(need)s: seen from your use, as you agreed (%(evidence)s).",
        need=name, evidence=words.listed(seen),
    )  # fmt: skip


def change(standing: Standing, words: Words) -> list[str]:
    """What would move it; empty where nothing is to be said."""
    found = standing.change
    if found is None or standing.locked_until is not None:
        return []
    if standing.axis is Axis.CREDIT:
        return [_credit_change(found, words)]
    if found.get("code") == "several":
        return [words.text(SEVERAL, tier=found["to"])]
    need, of = (words.number(each) for each in found["months"])
    if found.get("code") == "wait":
        return [words.text(WAIT, tier=found["to"], need=need, of=of)]
    name = str(found["input"])
    said = words.text(
        "If this alone changed – %(name)s from %(now)s to %(value)s – and held in %(need)s of %(of)s months, "
        "the tier would become %(tier)s.",
        name=words.text(INPUT_NAMES[name]),
        now=quantity(name, found["now"], words),
        value=quantity(name, found["value"], words),
        need=need,
        of=of,
        tier=found["to"],
    )
    return [said] if INPUTS[name].own or standing.value == "A" else [said, words.text(NOT_ADVICE)]


def _credit_change(found: Mapping[str, Any], words: Words) -> str:
    to = value_of("credit", str(found["to"]), words)
    if found.get("code") == "pay":
        return words.text(
            "Once the %(owed)s yuan that are due are paid, it can become “%(credit)s”.",
            owed=words.number(found["owed_cny"], 2), credit=to,
        )  # fmt: skip
    return words.text("With bills paid in time it becomes “%(credit)s” by itself.", credit=to)


def quantity(name: str, size: float | None, words: Words) -> str:
    """A value of an input in its unit."""
    what = INPUTS[name]
    if size is None:
        return words.number(None)
    if what.flag:
        return words.text(mark("yes")) if size else words.text(mark("no"))
    if what.unit == "1":
        return words.number(size, 1) if name == "season_ratio" else words.percent(size)
    digits = 2 if what.unit in ("kV", "kWp") else 0
    unit = {"CNY": mark("yuan"), "persons": mark("persons"), "step": "", "times": ""}.get(
        what.unit, what.unit
    )
    return f"{words.number(size, digits)} {words.text(unit) if unit in ('yuan', 'persons') else unit}".strip()


def meaning(standing: Standing, words: Words) -> str:
    """What an axis is for, in a sentence."""
    if standing.axis is Axis.VALUE and standing.value == UNRATED:
        return words.text("You are served like everybody of your class.")
    if standing.axis is Axis.CREDIT and standing.value == Credit.UNKNOWN:
        return words.text("How bills were paid; it decides about payment in parts and reminders.")
    return words.text(MEANINGS[standing.axis])


NAMES = {
    Axis.CLASS: mark("Tariff class"),
    Axis.GRADE: mark("Important customer"),
    Axis.NEED: mark("What you need most"),
    Axis.SHAPE: mark("Your usual day"),
    Axis.VALUE: mark("Service tier"),
    Axis.CREDIT: mark("Payment"),
}
"""What an axis is called to a customer."""
MEANINGS = {
    Axis.CLASS: mark("What your contract says, and the group within it."),
    Axis.GRADE: mark("Important customers are named by a government's list, not by us."),
    Axis.NEED: mark("What matters most to you: told by you, or seen from your use if you agreed to that."),
    Axis.SHAPE: mark("How your day usually runs."),
    Axis.VALUE: mark(
        "Customers of your class and voltage are compared over twelve months; A comes first. It never "
        "touches the price, and it makes no promise slower."
    ),
    Axis.CREDIT: mark("How bills were paid; it decides about payment in parts and reminders."),
}
