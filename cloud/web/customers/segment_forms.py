"""A segment's conditions as a form: what can be chosen, what was chosen, what it takes, in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from cloud.kit.errors import Invalid
from cloud.tiers.campaigns.conditions import INDICATORS, Conditions, Vocabulary
from cloud.tiers.campaigns.rules import LeftOut
from cloud.tiers.campaigns.segments import FEWEST, Preview
from cloud.web.customers import axis_names as names
from cloud.web.language import Words, mark

Picked = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=64)]
Short = Annotated[str, Field(max_length=16)]
RANGES = 3
INDICATOR_NAMES = {
    "energy_kwh": mark("energy of the month, kWh"),
    "max_kw": mark("highest load, kW"),
    "mean_kw": mark("mean load, kW"),
    "base_kw": mark("base load, kW"),
    "load_factor": mark("load factor of the month, %"),
    "mean_daily_load_factor": mark("mean daily load factor, %"),
    "mean_peak_valley_rate": mark("mean peak-valley rate, %"),
    "sharp_share": mark("share of the sharp band, %"),
    "peak_share": mark("share of the peak band, %"),
    "flat_share": mark("share of the flat band, %"),
    "valley_share": mark("share of the valley band, %"),
    "deep_valley_share": mark("share of the deep valley band, %"),
    "night_share": mark("share of the night, %"),
    "daytime_share": mark("share of the day, %"),
    "weekend_ratio": mark("weekend over workday, times"),
    "day_cv": mark("variation from day to day, times"),
    "zero_days": mark("days without use"),
    "coverage": mark("share of the time read, %"),
    "estimated_share": mark("share estimated, %"),
}
CONDITIONS = {
    "class": names.AXES["class"],
    "sub": mark("Sub-tier"),
    "value": names.AXES["value"],
    "credit": names.AXES["credit"],
    "grade": names.AXES["grade"],
    "need": names.AXES["need"],
    "shape": names.AXES["shape"],
    "area": mark("Area"),
    "tariff": mark("Tariff"),
    "plan": mark("Plan"),
    "consent": mark("Consent to"),
}
LEFT_OUT = {
    LeftOut.PROTECTED: mark("protected household"),
    LeftOut.NO_CONSENT: mark("no consent to offers"),
    LeftOut.TROUBLED: mark("an outage, report or complaint is open"),
    LeftOut.CAPPED: mark("was offered enough lately"),
    LeftOut.NEAR_OVERLOAD: mark("area near overload in these hours"),
    LeftOut.LOAD_UNKNOWN: mark("load of the transformer not known"),
    LeftOut.FEEDER_PEAK: mark("peak of the feeder in these hours"),
    LeftOut.OTHER_CLASS: mark("not of the promotion's customers"),
}
_AS_CHECKS = ("class", "value", "credit", "grade", "need", "shape", "consent")


class SegmentForm(BaseModel):
    """As a browser sends it; shares in percent, nothing written is no limit."""

    model_config = ConfigDict(populate_by_name=True)

    name: Annotated[str, Field(max_length=120)] = ""
    step: Short = "preview"
    class_: Annotated[Picked, Field(alias="class")] = []
    sub: Picked = []
    value: Picked = []
    credit: Picked = []
    grade: Picked = []
    need: Picked = []
    shape: Picked = []
    area: Picked = []
    tariff: Picked = []
    plan: Picked = []
    consent: Picked = []
    indicator: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=RANGES)] = []
    least: Annotated[list[Short], Field(max_length=RANGES)] = []
    most: Annotated[list[Short], Field(max_length=RANGES)] = []

    def document(self) -> dict[str, Any]:
        """Conditions as the API takes them. Invalid: a limit that is no number."""
        said = self.model_dump(by_alias=True, include={*CONDITIONS, "class_"})
        found: dict[str, Any] = {name: [each for each in words if each] for name, words in said.items()}
        ranges = [
            {"indicator": name, "least": _number(least, name), "most": _number(most, name)}
            for name, least, most in zip(self.indicator, self.least, self.most, strict=False)
            if name and (least.strip() or most.strip())
        ]
        return {**{name: words for name, words in found.items() if words}, "ranges": ranges}


@dataclass(frozen=True, slots=True)
class Choice:
    key: str
    name: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Group:
    """One condition: as boxes to tick, or as a list."""

    key: str
    name: str
    boxes: bool
    choices: tuple[Choice, ...]


def groups(
    vocabulary: Vocabulary,
    chosen: Mapping[str, tuple[str, ...]],
    areas: Mapping[str, str],
    subs: Mapping[str, str],
    words: Words,
) -> list[Group]:
    """In the order of the page; what the station has none of is left out."""
    found = []
    for key, name in CONDITIONS.items():
        known = list(vocabulary.known.get(key, ()))
        picked = chosen.get(key, ())
        if key == "shape":
            known = [each for each in known if "-" not in each or each in picked]
        choices = tuple(Choice(each, called(key, each, areas, subs, words), each in picked) for each in known)
        if choices:
            found.append(Group(key, words.text(name), key in _AS_CHECKS, choices))
    return found


def called(key: str, value: str, areas: Mapping[str, str], subs: Mapping[str, str], words: Words) -> str:
    """What a condition's word is called on a page."""
    if key == "area":
        return areas.get(value, value)
    if key == "sub":
        return subs.get(value, value)
    if key == "consent":
        return names.named(names.PURPOSES, value, words)
    if key == "shape":
        return shape_name(value, words)
    return names.value_of(key, value, words) if key in names.AXES else value


def shape_name(value: str, words: Words) -> str:
    from cloud.analysis.profile.names import WORDS

    key, _, number = value.rpartition("-")
    english, chinese = WORDS.get(key or value, (value, value))
    said = chinese if words.language == "zh_CN" else english
    return f"{said} {number}" if key else said


def ranges(conditions: Conditions) -> list[tuple[str, str, str]]:
    """(indicator, least, most) as the fields show them, with empty ones to fill."""
    found = [(each.indicator, _field(each.least, each.indicator), _field(each.most, each.indicator))
             for each in conditions.ranges]  # fmt: skip
    return [*found, *[("", "", "")] * (RANGES - len(found))]


def told(
    conditions: Conditions, areas: Mapping[str, str], subs: Mapping[str, str], words: Words
) -> list[tuple[str, str]]:
    """(condition, what it asks) of each that asks something."""
    found = [
        (
            words.text(CONDITIONS[name]),
            words.listed([called(name, each, areas, subs, words) for each in picked]),
        )
        for name, picked in conditions.words().items()
    ]
    for each in conditions.ranges:
        least, most = _field(each.least, each.indicator), _field(each.most, each.indicator)
        said = f"{least} – {most}" if least and most else f"≥ {least}" if least else f"≤ {most}"
        found.append((words.text(INDICATOR_NAMES[each.indicator]), said))
    return found


def left_out(found: Mapping[str, int], words: Words) -> list[tuple[str, int]]:
    """(why, how many) in plain words, the most first."""
    ordered = sorted(found.items(), key=lambda each: -each[1])
    return [(_why(name, words), count) for name, count in ordered]


def lead(found: Preview, words: Words) -> str:
    said = words.text(
        "%(accounts)s of %(asked)s accounts fit, of %(customers)s customers.",
        accounts=words.number(found.accounts),
        asked=words.number(found.asked),
        customers=words.number(found.customers),
    )
    if found.accounts < FEWEST:
        more = words.text("Of fewer than ten nothing but their number is shown.")
        return f"{said} {more}" if words.language == "en" else said + more
    return said


def _why(name: str, words: Words) -> str:
    if name in set(LeftOut):
        return words.text(LEFT_OUT[LeftOut(name)])
    base, _, unknown = name.partition(".")
    if unknown:
        return words.text("%(name)s: not known", name=words.text(INDICATOR_NAMES[base]))
    return words.text(INDICATOR_NAMES[base] if base in INDICATOR_NAMES else CONDITIONS[base])


def _number(text: str, name: str) -> float | None:
    if not text.strip():
        return None
    try:
        found = float(text)
    except ValueError:
        raise Invalid(f"{name}: {text!r} is no number") from None
    return found / 100 if INDICATORS.get(name) == "share" else found


def _field(value: float | None, name: str) -> str:
    if value is None:
        return ""
    return f"{value * 100 if INDICATORS.get(name) == 'share' else value:g}"
