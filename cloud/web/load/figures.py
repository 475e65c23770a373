"""A figure of a page: its sentence, its drawing, and what the browser makes it move with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel import dates

from cloud.web.language import Words
from cloud.web.load.plot import Limit, Mark, Plot, Series, Sheet, as_data, plots

DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Figure:
    """`said` tells what it shows, for those who do not see it and those who have no time."""

    said: str
    plots: tuple[Plot, Plot]
    data: dict[str, Any] | None


def figure(sheet: Sheet, said: str, *, position: str | None = None) -> Figure:
    """With `position`, the name of its axis, the values show under the pointer."""
    return Figure(said, plots(sheet), None if position is None else as_data(sheet, position))


def over_days(
    days: Sequence[date],
    series: Sequence[Series],
    unit: str,
    words: Words,
    *,
    limits: Sequence[Limit] = (),
    whole: bool = True,
) -> Sheet:
    """One position a day; every label that fits, the newest among them."""
    names = [words.day(day) for day in days]
    marks = tuple(Mark(number + 0.5, short(day, words)) for number, day in enumerate(days))
    return Sheet(len(days), unit, tuple(series), marks, names, tuple(limits), whole)


def over_a_day(
    count: int, series: Sequence[Series], unit: str, *, limits: Sequence[Limit] = (), whole: bool = True
) -> Sheet:
    """One position a slot of a local day, labelled every six hours as on the wall of a day of 24 hours."""
    marks = tuple(Mark(count * hour / DAY_HOURS, f"{hour:02}:00") for hour in range(0, DAY_HOURS + 1, 6))
    names = [slot_time(number, count) for number in range(count)]
    return Sheet(count, unit, tuple(series), marks, names, tuple(limits), whole)


def slot_time(number: int, count: int) -> str:
    """When that slot of a day begins."""
    minutes = round(number * DAY_HOURS * 60 / count)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def short(day: date, words: Words) -> str:
    return dates.format_skeleton("Md", day, locale=words.language)
