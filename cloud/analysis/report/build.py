"""Puts a report together: which sections there are, and in which order."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cloud.analysis.report import forecasting, losing, many, numbers, page, profiling, seen, year
from cloud.analysis.report.given import Given, subject
from cloud.analysis.report.page import Section
from cloud.analysis.report.words import Words
from cloud.analysis.report.work import Work


class Part(StrEnum):
    """What may be asked for alone; what was read is always told."""

    INDICATORS = "indicators"
    PROFILE = "profile"
    FORECAST = "forecast"
    LOSS = "loss"


@dataclass(frozen=True, slots=True)
class Report:
    """`html` is the whole file; `figures` the same for machines, by section."""

    html: str
    figures: dict[str, object]


Tick = Callable[[int], object]
_SECTIONS: tuple[tuple[Part | None, Callable[[Work], Section | None]], ...] = (
    (None, seen.section),
    (Part.INDICATORS, year.section),
    (Part.INDICATORS, numbers.section),
    (Part.INDICATORS, many.section),
    (Part.PROFILE, profiling.section),
    (Part.FORECAST, forecasting.section),
    (Part.LOSS, losing.section),
)
STEPS = len(_SECTIONS)


def report(
    given: Given,
    language: str,
    only: Sequence[Part] = (),
    meter: str | None = None,
    tick: Tick = lambda _: None,
) -> Report:
    """ValueError where `meter` is none of the file's."""
    t = Words(language)
    work = Work(given, subject(given, meter, t("all meters together")), t)
    made: list[Section] = []
    for part, section in _SECTIONS:
        wanted = part is None or not only or part in only
        found = section(work) if wanted else None
        if found is not None:
            made.append(found)
        tick(1)
    figures: dict[str, object] = {each.key: each.figures | _left_out(each) for each in made}
    html = page.page(
        t("Load report: {title}", title=given.title),
        t("Meters: {meters}. {first} to {last}.", meters=len(given.meters), first=given.days[0],
          last=given.days[-1]),
        made,
        "zh-CN" if language == "zh_CN" else "en",
        t("Contents"),
    )  # fmt: skip
    return Report(html, _plain(figures))


def _left_out(section: Section) -> dict[str, object]:
    return {"left_out": section.reason} if section.reason else {}


def _plain(value: dict[str, object]) -> dict[str, object]:
    """What JSON can hold: no NaN, no NumPy."""
    return {key: _one(each) for key, each in value.items()}


def _one(value: object) -> object:
    if isinstance(value, dict):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_one(each) for each in value]
    if isinstance(value, np.generic):
        return _one(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
