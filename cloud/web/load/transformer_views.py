"""Transformers as people read them: how heavily loaded, how even, at which voltage; why a figure lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cloud.insight.areas.policy import TransformerLimits
from cloud.insight.areas.store import (
    AreaDay,
    Contribution,
    Imbalance,
    Loading,
    PowerFactor,
    Reason,
    Spell,
    State,
)
from cloud.web.language import NONE, Words, mark
from cloud.web.load.figures import Figure, figure, over_days
from cloud.web.load.plot import Form, Limit, Series
from cloud.web.load.quality import Quality, percent, quality

REASONS = {
    Reason.NO_CUSTOMERS: mark("no customers stand in it"),
    Reason.FEW_DATA: mark("too little of the day was read"),
    Reason.NO_LOAD: mark("nothing was drawn"),
    Reason.NO_CAPACITY: mark("its capacity is not in the registry"),
    Reason.NO_AREA_METER: mark("it has no area meter"),
    Reason.NO_GAUGES: mark("no voltages or currents were read"),
    Reason.LIGHT_LOAD: mark("too lightly loaded to judge"),
    Reason.UNKNOWN_LEVEL: mark("its voltages fit no level of the policy"),
}
STATES = {
    State.LIGHT: ("none", mark("light load")),
    State.HEAVY: ("warn", mark("heavy load")),
    State.OVER: ("bad", mark("overload")),
}
FACTORS = {
    PowerFactor.MEASURED: mark("reactive power measured"),
    PowerFactor.LAST_KNOWN: mark("power factor of the last known days"),
    PowerFactor.ASSUMED: mark("power factor assumed: %(factor)s"),
}
DEFINITIONS = {
    "max_min": mark("(Imax − Imin) / Imax"),
    "mean_deviation": mark("greatest deviation from the mean current"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One area in the list: each figure as text, or why there is none."""

    id: str
    name: str
    state: tuple[str, str]
    capacity: str
    rate: str
    rate_at: str
    mean: str
    heavy: str
    over: str
    imbalance: str
    voltage: str
    coincidence: str
    rests: Quality
    order: float


def row(each: AreaDay, name: str, words: Words) -> Row:
    load = each.loading
    rests = (
        quality(load.coverage, load.estimated_share) if load else quality(each.coverage, each.estimated_share)
    )
    return Row(
        each.subject,
        name,
        state(each, words),
        words.number(load.capacity_kva) if load else NONE,
        percent(load.rate_max, words) if load else lacking(each, "loading", words),
        words.time(load.rate_max_at) if load else "",
        percent(load.rate_mean, words) if load else NONE,
        hours(load.heavy_h, words) if load else NONE,
        hours(load.over_h, words) if load else NONE,
        percent(shown(each.imbalance), words) if each.imbalance else lacking(each, "imbalance", words),
        percent(each.voltage.rate, words, 1) if each.voltage else lacking(each, "voltage", words),
        words.number(each.coincidence, 2)
        if each.coincidence is not None
        else lacking(each, "coincidence", words),
        rests,
        load.rate_max if load else -1.0,
    )


def shown(of: Imbalance) -> float:
    """By the definition the policy named."""
    return of.max_min if of.definition == "max_min" else of.mean_deviation


def lacking(each: AreaDay, figure_name: str, words: Words) -> str:
    reason = each.reasons.get(figure_name)
    return NONE if reason is None else words.text(REASONS[reason])


def state(each: AreaDay, words: Words) -> tuple[str, str]:
    if each.loading is None:
        return "none", words.text("not known")
    worst = {spell.state for spell in each.loading.spells}
    for kind in (State.OVER, State.HEAVY, State.LIGHT):
        if kind in worst:
            sign, word = STATES[kind]
            return sign, words.text(word)
    return "good", words.text("in order")


def hours(value: float, words: Words) -> str:
    return words.text("%(num)s h", num=words.number(value, 1))


def rows(found: Sequence[AreaDay], names: dict[str, str], words: Words) -> list[Row]:
    """The most loaded first; what is not known comes last."""
    listed = [row(each, names.get(each.subject, each.subject), words) for each in found]
    return sorted(listed, key=lambda each: (-each.order, each.name))


def said(found: Sequence[AreaDay], words: Words) -> str:
    """The day in one sentence."""
    known = [each.loading for each in found if each.loading is not None]
    states = [{spell.state for spell in each.spells} for each in known]
    return words.text(
        "Of %(areas)s transformers %(known)s have a load rate on this day: %(over)s were overloaded, "
        "%(heavy)s heavily loaded.",
        areas=len(found),
        known=len(known),
        over=sum(State.OVER in each for each in states),
        heavy=sum(State.HEAVY in each and State.OVER not in each for each in states),
    )


@dataclass(frozen=True, slots=True)
class SpellView:
    state: tuple[str, str]
    span: str
    day: date
    peak: str
    beyond: str
    top: tuple[tuple[str, str], ...]


def spells(found: Sequence[AreaDay], words: Words) -> list[SpellView]:
    """Of each state the longest heavy and overload spell of a day, newest first."""
    shown = []
    for of in reversed(found):
        loads = of.loading.spells if of.loading is not None else ()
        for state in (State.OVER, State.HEAVY):
            of_state = [each for each in loads if each.state is state]
            if of_state:
                shown.append(_spell(max(of_state, key=lambda each: each.end - each.start), of.day, words))
    return shown


def _spell(each: Spell, day: date, words: Words) -> SpellView:
    sign, word = STATES[each.state]
    return SpellView(
        (sign, words.text(word)),
        f"{words.time(each.start)}–{words.time(each.end)}",
        day,
        words.text(
            "%(rate)s at %(time)s", rate=percent(each.peak_rate, words), time=words.time(each.peak_at)
        ),
        words.number(each.beyond_kvah, 1),
        contributions(each.top, words),
    )


def contributions(found: Sequence[Contribution], words: Words) -> tuple[tuple[str, str], ...]:
    """(who, how much of the peak) of each."""
    return tuple(
        (each.subject, f"{words.number(each.kw, 1)} kW · {percent(each.share, words)}") for each in found
    )


def rate_chart(found: Sequence[AreaDay], days: Sequence[date], of: TransformerLimits, words: Words) -> Figure:
    """Highest and mean load rate of each day against the limits of heavy and over."""
    by_day = {each.day: each.loading for each in found}
    loads = [by_day.get(day) for day in days]
    series = (
        Series(
            words.text("highest load rate"), [100 * each.rate_max if each else None for each in loads], "a"
        ),
        Series(words.text("mean load rate"), [100 * each.rate_mean if each else None for each in loads], "b"),
    )
    limits = (
        Limit(words.text("heavy %(limit)s", limit=percent(of.heavy, words)), 100 * of.heavy),
        Limit(words.text("overload %(limit)s", limit=percent(of.over, words)), 100 * of.over),
    )
    sheet = over_days(days, series, "%", words, limits=limits)
    return figure(
        sheet, _of_rates([each for each in loads if each], by_day, words), position=words.text("Day")
    )


def _of_rates(known: Sequence[Loading], by_day: dict[date, Loading | None], words: Words) -> str:
    if not known:
        return words.text("On none of these days is the load rate known.")
    day, most = max(
        ((day, each) for day, each in by_day.items() if each is not None), key=lambda pair: pair[1].rate_max
    )
    return words.text(
        "Highest load rate %(rate)s of %(kva)s kVA on %(day)s at %(time)s; heavy for %(heavy)s h and "
        "overloaded for %(over)s h in all.",
        rate=percent(most.rate_max, words),
        kva=words.number(most.capacity_kva),
        day=words.day(day),
        time=words.time(most.rate_max_at),
        heavy=words.number(sum(each.heavy_h for each in known), 1),
        over=words.number(sum(each.over_h for each in known), 1),
    )


def voltage_chart(found: Sequence[AreaDay], days: Sequence[date], words: Words) -> Figure | None:
    """How much of the time the voltage was within its limits, at the area meter and at customers."""
    by_day = {each.day: each for each in found}
    kept = [by_day.get(day) for day in days]
    own = [100 * each.voltage.rate if each and each.voltage else None for each in kept]
    theirs = [100 * each.customers_voltage.rate if each and each.customers_voltage else None for each in kept]
    series = [
        Series(name, values, look)
        for name, values, look in (
            (words.text("area meter"), own, "a"),
            (words.text("customers"), theirs, "b"),
        )
        if any(value is not None for value in values)
    ]
    if not series:
        return None
    known = [(day, each.voltage) for day, each in by_day.items() if each.voltage is not None]
    said = words.text("Only customers' voltages are known.")
    if known:
        day, worst = min(known, key=lambda pair: pair[1].rate)
        said = words.text(
            "Within its limits at the area meter for %(rate)s of the time on the worst day, %(day)s; "
            "between %(low)s and %(high)s V then.",
            rate=percent(worst.rate, words, 1),
            day=words.day(day),
            low=words.number(worst.lowest_v, 1),
            high=words.number(worst.highest_v, 1),
        )
    return figure(over_days(days, series, "%", words, whole=False), said)


def imbalance_chart(found: Sequence[AreaDay], days: Sequence[date], words: Words) -> Figure | None:
    by_day = {each.day: each.imbalance for each in found if each.imbalance is not None}
    if not by_day:
        return None
    values = [100 * shown(by_day[day]) if day in by_day else None for day in days]
    day, worst = max(by_day.items(), key=lambda pair: shown(pair[1]))
    definition = words.text(DEFINITIONS[worst.definition])
    series = (Series(definition, values, "a", Form.COLUMN),)
    limits = (Limit(words.text("limit %(limit)s", limit=percent(worst.limit, words)), 100 * worst.limit),)
    said = words.text(
        "Currents differ most on %(day)s at %(time)s: %(share)s by %(definition)s; beyond the limit for "
        "%(over)s of %(judged)s minutes judged.",
        day=words.day(day),
        time=words.time(worst.at),
        share=percent(shown(worst), words),
        definition=definition,
        over=words.number(worst.over_min),
        judged=words.number(worst.judged_min),
    )
    return figure(over_days(days, series, "%", words, limits=limits), said)


def factor_said(of: Loading, words: Words) -> str:
    return words.text(FACTORS[of.power_factor], factor=words.number(of.assumed_factor, 2))
