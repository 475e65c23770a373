"""A contradiction as people read it: own values beside the middle half of the class, and never a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from babel import dates
from numpy.typing import NDArray
from sqlalchemy import Row

from cloud.analysis.classes.groups import LEAST_CUSTOMERS
from cloud.insight.profile.store import Profile, TypicalDay
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.mismatch.priced import Unpriced
from cloud.tiers.mismatch.rules import BY_PERSON, MACHINE, NEEDS_NOTE, WAITING, Check, Event, State
from cloud.tiers.mismatch.store import Case, Group, Model, Worth
from cloud.web.customers.tariff_names import plan_name, tariff_name
from cloud.web.language import NONE, Words, mark
from cloud.web.load.figures import Figure, figure, over_a_day, slot_time
from cloud.web.load.plot import Form, Series
from cloud.web.load.quality import Quality, percent, quality

CLASSES = {
    "household": mark("household use"),
    "business": mark("shop or business"),
    "large_industry": mark("large industry"),
    "farm": mark("farm use"),
}
STATES = {
    State.OPEN: ("warn", mark("to be looked at")),
    State.TO_CHECK: ("none", mark("somebody goes")),
    State.CONFIRMED: ("bad", mark("use differs from the contract")),
    State.NOT_CONFIRMED: ("good", mark("use as contracted")),
    State.DISMISSED: ("good", mark("known to be right")),
    State.LAPSED: ("none", mark("evidence gone by itself")),
}
EVENTS = {
    "found": mark("behaviour found to contradict"),
    Event.CHECK: mark("to be looked at on site"),
    Event.WITHDRAW: mark("the look is called off"),
    Event.CONFIRM: mark("seen: use differs from the contract"),
    Event.REFUTE: mark("seen: use as contracted"),
    Event.DISMISS: mark("known to be right, without a look"),
    Event.FOUND_AGAIN: mark("found once more"),
    Event.GONE: mark("no longer found"),
}
ACTIONS = {
    Event.CHECK: mark("Have it looked at"),
    Event.WITHDRAW: mark("Do not go after all"),
    Event.CONFIRM: mark("Use differs from the contract"),
    Event.REFUTE: mark("Use is as contracted"),
    Event.DISMISS: mark("Known to be right, no look needed"),
}
CHECKS = {
    Check.USE_ON_SITE: mark("what the electricity is used for on site"),
    Check.SIGN_AND_LICENCE: mark("shop sign and business licence"),
    Check.WHICH_METER_SERVES: mark("whether this meter serves this account"),
    Check.MIXED_USE: mark("living and business behind one meter: may one part be metered apart"),
    Check.TENANT: mark("whether the place changed hands or is lived in"),
    Check.CONTRACT_PAPERS: mark("what the contract's papers say, and any exemption"),
    Check.LIVESTOCK_OR_PUMPS: mark("livestock, pumps, greenhouses"),
}
FEATURES = {
    "load_factor": mark("load factor of working days"),
    "base_ratio": mark("base load over mean load"),
    "ramp_ratio": mark("largest rise within a quarter-hour over mean load"),
    "peak_hours": mark("hours near the day's peak"),
    "night_share": mark("night share, working days"),
    "daytime_share": mark("daytime share, working days"),
    "night_share_off": mark("night share, days off"),
    "daytime_share_off": mark("daytime share, days off"),
    "saturday_ratio": mark("Saturday over working day"),
    "off_ratio": mark("Sunday or holiday over working day"),
    "work_cv": mark("how much working days differ"),
    "noon_dip": mark("noon against the hours around it"),
    "evening_rise": mark("evening against the day"),
    "morning_rise": mark("early morning against the night"),
    "off_likeness": mark("likeness of days off to working days"),
}
SHARES = frozenset(name for name in FEATURES if "share" in name or name in ("off_likeness", "load_factor"))
UNPRICED = {
    Unpriced.NO_CONTRACT: mark("no contract is recorded"),
    Unpriced.NO_USUAL_TARIFF: mark("too few contracts of the other class to know its usual tariff"),
    Unpriced.MARKET_PRICE: mark("the price is agreed on the market"),
    Unpriced.TOO_FEW_MONTHS: mark("not all of twelve months are read without holes"),
    Unpriced.NO_PRICE: mark("a tariff has no price for these months"),
}
UNRECKONED = mark("not reckoned yet")


@dataclass(frozen=True, slots=True)
class Item:
    """One case; `against` is its strongest contradiction in words."""

    id: int
    account: str
    class_: str
    seems: str
    state: tuple[str, str]
    waits: bool
    probability: str
    months: int
    in_row: int
    month: str
    difference: str
    rests: Quality
    against: str
    prior: bool
    found_at: datetime
    quiet_until: str | None


def item(each: Case, words: Words) -> Item:
    sign, word = STATES[State(each.state)]
    return Item(
        each.id,
        each.account,
        class_name(each.class_, words),
        class_name(each.seems, words),
        (sign, words.text(word)),
        State(each.state) in WAITING,
        percent(each.probability, words),
        each.months,
        each.in_row,
        _dated(each.month, "yMMM", words),
        _yuan(each.difference, words),
        quality(each.coverage, each.estimated),
        _against(each.evidence[0], words) if each.evidence else NONE,
        each.source != "station",
        each.found_at,
        _dated(each.quiet_until, "yMMMd", words) if each.quiet_until else None,
    )


def class_name(key: str, words: Words) -> str:
    return words.text(CLASSES[key]) if key in CLASSES else key


@dataclass(frozen=True, slots=True)
class FeatureRow:
    name: str
    own: str
    usual: str
    seems: str


def features(case: Case, words: Words) -> list[FeatureRow]:
    """Own value, the middle half of the contract's class, that of the other."""
    return [
        FeatureRow(
            _feature(each["feature"], words),
            _value(each["feature"], each["own"], words),
            _middle(each["feature"], each["class_"], words),
            _middle(each["feature"], each["seems"], words),
        )
        for each in case.evidence
    ]


def charts(
    case: Case,
    family: str | None,
    typical: Sequence[Profile],
    groups: Mapping[str, Group],
    words: Words,
) -> list[tuple[str, Figure]]:
    """Own typical day against the middle half of both classes; all over their own mean load."""
    if not typical:
        return []
    own, other = groups.get(family or ""), groups.get(case.seems)
    both = [
        (
            words.text("On a working day"),
            typical[0].work,
            own.work if own else None,
            other.work if other else None,
        ),
        (words.text("On a day off"), typical[0].off, own.off if own else None, other.off if other else None),
    ]
    return [
        (title, _chart(day, usual, seems, case, words))
        for title, day, usual, seems in both
        if day is not None
    ]


def model(found: Model | None, words: Words) -> list[str]:
    """How far the list can be trusted, told beside it; nothing of fewer than ten customers."""
    if found is None:
        return []
    if found.source == "prior":
        return [
            words.text(
                "The station has too few contracts of a class to learn from: published class profiles "
                "speak, which know less."
            )
        ]
    said = []
    if found.balanced is not None:
        said.append(
            words.text(
                "From %(accounts)s accounts behaviour alone tells the classes apart with a balanced "
                "accuracy of %(share)s; nobody is judged by a model that knew their contract.",
                accounts=words.number(sum(found.accounts.values())),
                share=percent(found.balanced, words),
            )
        )
    for name, share in found.recall.items():
        if found.accounts.get(name, 0) >= LEAST_CUSTOMERS and share is not None:
            said.append(
                words.text(
                    "%(class)s: %(share)s of %(accounts)s accounts behave so.",
                    **{
                        "class": class_name(name, words),
                        "share": percent(share, words),
                        "accounts": words.number(found.accounts[name]),
                    },
                )
            )
    return said


def worth(of: Worth, words: Words) -> str:
    """What the list has been worth so far, so that nobody takes it for more."""
    if not of.settled:
        return words.text("Nobody has looked at any of them yet.")
    return words.text(
        "Of %(settled)s settled cases %(confirmed)s differed from the contract, %(right)s were as contracted "
        "and %(known)s were known to be right.",
        settled=of.settled,
        confirmed=of.confirmed,
        right=of.not_confirmed,
        known=of.dismissed,
    )


def priced(case: Case, tariffs: Catalogue, words: Words) -> str:
    """Where the difference comes from, or why there is none."""
    told = case.priced
    if case.difference is None:
        known = {each.value: said for each, said in UNPRICED.items()}
        why = known.get(told.get("reason", ""), UNRECKONED)
        return words.text(why)
    return words.text(
        "Energy of %(first)s to %(last)s: %(now)s CNY by %(tariff)s, %(other)s CNY by %(usual)s. Without "
        "basic charge and power factor; the steps of one year.",
        first=_dated(date.fromisoformat(told["first"]), "yMMMd", words),
        last=_dated(date.fromisoformat(told["last"]), "yMMMd", words),
        now=words.number(float(told["now"]["total"]), 2),
        tariff=named_plan(tariffs, told["now"]["tariff"], told["now"]["plan"], words),
        other=words.number(float(told["other"]["total"]), 2),
        usual=named_plan(tariffs, told["other"]["tariff"], told["other"]["plan"], words),
    )


def named_plan(known: Catalogue, tariff: str, plan: str, words: Words) -> str:
    """Both, as 浙江居民生活用电 · 一户一表，不分时."""
    return f"{tariff_name(known, tariff, words)} · {plan_name(known, tariff, plan, words)}"


def checks(case: Case, words: Words) -> list[str]:
    return [words.text(CHECKS[Check(each)]) for each in case.checks]


def events(rows: Sequence[Row[Any]], words: Words) -> list[tuple[str, datetime, str, str]]:
    """(what, when, who, note), newest first."""
    return [
        (words.text(EVENTS[row.event]) if row.event in EVENTS else row.event, row.at, row.who, row.note)
        for row in reversed(rows)
    ]


def actions(case: Case, words: Words) -> dict[str, list[tuple[str, str]]]:
    """What may be said now: (event, name) of those that need a note, and of those that do not."""
    may = [event for event in MACHINE.events(State(case.state)) if event in BY_PERSON]
    return {
        key: [(event.value, words.text(ACTIONS[event])) for event in may if (event in NEEDS_NOTE) == needs]
        for key, needs in (("noted", True), ("plain", False))
    }


def _chart(
    day: TypicalDay,
    usual: NDArray[np.float64] | None,
    seems: NDArray[np.float64] | None,
    case: Case,
    words: Words,
) -> Figure:
    mean = float(np.nanmean(day.kw))
    own = [value / mean if mean > 0 and np.isfinite(value) else None for value in day.kw.tolist()]
    lines = []
    for said, look, middle in (
        (mark("middle half of %(class)s (contract)"), "a", usual),
        (mark("middle half of %(class)s (seems)"), "b", seems),
    ):
        key = case.class_ if look == "a" else case.seems
        if middle is not None and middle.shape[1] == len(own):
            name = words.text(said, **{"class": class_name(key, words)})
            lines.append(Series(name, middle[0].tolist(), look, Form.BAND, middle[2].tolist()))
    lines.append(Series(words.text("this account"), own, "real"))
    top = int(np.nanargmax(day.kw))
    said = words.text(
        "Highest at %(time)s with %(times)s times its mean load (%(day)s).",
        time=slot_time(top, len(day.kw)),
        times=words.number(own[top], 1),
        day=_dated(day.day, "yMMMd", words),
    )
    return figure(over_a_day(len(own), lines, words.text("× mean")), said)


def _against(each: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "%(feature)s: %(own)s, usual for the class %(usual)s",
        feature=_feature(each["feature"], words),
        own=_value(each["feature"], each["own"], words),
        usual=_middle(each["feature"], each["class_"], words),
    )


def _feature(name: str, words: Words) -> str:
    return words.text(FEATURES[name]) if name in FEATURES else name


def _value(name: str, value: float | None, words: Words) -> str:
    if value is None:
        return NONE
    return percent(value, words) if name in SHARES and value >= 0 else words.number(value, 2)


def _middle(name: str, three: Sequence[float] | None, words: Words) -> str:
    if three is None:
        return NONE
    return f"{_value(name, three[0], words)} – {_value(name, three[2], words)}"


def _dated(day: date, skeleton: str, words: Words) -> str:
    """With its year: evidence is of long ago at times."""
    return str(dates.format_skeleton(skeleton, day, locale=words.language))


def _yuan(value: Decimal | None, words: Words) -> str:
    if value is None:
        return NONE
    return ("+" if value > 0 else "") + words.number(float(value), 2)
