"""The day after the file's last: forecast with its interval, and what such forecasts were worth before."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast import backtest, choice, figures, intervals, model
from cloud.analysis.forecast.choice import CANDIDATES, Method
from cloud.analysis.forecast.figures import SUMS, Figures
from cloud.analysis.forecast.intervals import Levels
from cloud.analysis.forecast.similar import HOLIDAY, Alike, usable
from cloud.analysis.report.page import Fact, Facts, Figure, Section
from cloud.analysis.report.svg import Plot, shown
from cloud.analysis.report.work import Work, hour_ticks, next_day, nice
from cloud.kit.calendar import DayType

LEAST_DAYS = 21
BACK_DAYS = 28
ERROR_DAYS = 42
WEEK = 7
MARGIN = 0.03
POOR_WAPE, POOR_MASE = 0.4, 1.0
"""From here on a forecast is told to be of no use for single hours, or no better than last week."""
MISSING_SHARE = 0.1
TYPES = (DayType.WORK, DayType.SATURDAY, DayType.OFF)
Kw = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ahead:
    """Of `day`, kW (labels,); `scores` of the rolling backtest, `method` that which did best in it."""

    day: date
    p10: Kw
    p50: Kw
    p90: Kw
    method: Method
    scores: Figures


def section(work: Work) -> Section:
    t = work.t
    made = Section("forecast", t("Forecast"))
    known = int(work.whole.sum())
    if known < LEAST_DAYS:
        made.reason = t(
            "Left out: a forecast needs {least} whole days, and there are {days}.",
            least=LEAST_DAYS,
            days=known,
        )
        return made
    found = _ahead(work)
    if found is None:
        made.reason = t("Left out: too few of the last days are whole.")
        return made
    made.blocks += [_figure(work, found), _worth(work, found)]
    made.figures = {
        "day": str(found.day),
        "method": found.method.name.lower(),
        "p10_kw": [round(float(each), 4) for each in found.p10],
        "p50_kw": [round(float(each), 4) for each in found.p50],
        "p90_kw": [round(float(each), 4) for each in found.p90],
        "backtest": {
            name: getattr(found.scores, name)
            for name in ("days", "wape", "mase", "pinball_kw", "coverage", "bias", "peak_error")
        },
        "warnings": _poor(work, found.scores),
    }
    return made


def _ahead(work: Work) -> Ahead | None:
    last = int(np.flatnonzero(work.whole)[-1])
    kw = np.ascontiguousarray(work.wall[None, : last + 1])
    days = [*work.given.days[: last + 1], next_day(work.given.days[: last + 1])]
    calendar = work.given.calendar
    kinds = np.array(
        [HOLIDAY if calendar.holiday(day) else TYPES.index(calendar.day_type(day)) for day in days], np.int8
    )
    weekdays = np.array([day.weekday() for day in days], np.int8)
    unsure = np.zeros(kw.shape[:2], np.float32)
    valid = usable(kw, unsure, missing_share=MISSING_SHARE, unsure_share=1)
    offers = _offers(kw, valid, kinds, weekdays)
    scored = [day for day in range(last + 1 - BACK_DAYS, last + 1) if day >= WEEK]
    errors = np.nansum([backtest.errors(kw[:, day], offers[day]) for day in scored], axis=0)
    errors[:, Method.MODEL :] = np.nan
    picked, _ = choice.choose(errors[:, :CANDIDATES], np.array([len(scored)]), margin=MARGIN, least_days=14)
    method = Method(int(picked[0]))
    levels = Levels()
    issued = {day: offers[day][method] for day in offers}
    sums = np.zeros(len(SUMS))
    for day in scored:
        low, high = _interval(kw, issued, kinds, day, levels)
        sums += np.nan_to_num(backtest.sums(kw[:, day], low, issued[day], high, kw[:, day - WEEK])[0])
    p50 = issued[last + 1]
    if np.isnan(p50).any():
        return None
    low, high = _interval(kw, issued, kinds, last + 1, levels)
    return Ahead(days[-1], low[0], p50[0], high[0], method, figures.figures(sums))


def _offers(
    kw: Kw, valid: NDArray[np.bool_], kinds: NDArray[np.int8], weekdays: NDArray[np.int8]
) -> dict[int, Kw]:
    """What each method said of the last days and says of the one to come, of what was known then."""
    days = kw.shape[1]
    found = {}
    for day in range(max(1, days - BACK_DAYS - ERROR_DAYS), days + 1):
        known = model.lags(kw, valid, kinds, weekdays, day, Alike())
        found[day] = choice.contenders(known, None)
    return found


def _interval(
    kw: Kw, issued: dict[int, Kw], kinds: NDArray[np.int8], day: int, levels: Levels
) -> tuple[Kw, Kw]:
    past = [each for each in range(day - ERROR_DAYS, day) if each in issued]
    missed = np.stack([kw[:, each] - issued[each] for each in past], axis=1) if past else kw[:, :0]
    offset = intervals.offsets(np.ascontiguousarray(missed, np.float32), kinds[past], int(kinds[day]), levels)
    return intervals.around(issued[day], np.nan_to_num(offset), np.ones((1, 2), np.float32))


def _figure(work: Work, found: Ahead) -> Figure:
    t, hours = work.t, work.given.hours
    at = int(found.p50.argmax())
    sentence = t(
        "For {day}, {weekday}: {energy} kWh expected, highest about {top} kW at {clock}. Eight of "
        "ten times the load "
        "should lie within the shaded band.",
        day=found.day, weekday=t(found.day.strftime("%A")), energy=shown(float(found.p50.sum()) * hours),
        top=shown(float(found.p50[at])), clock=work.clock(at),
    )  # fmt: skip
    sentence = " ".join([sentence, *_poor(work, found.scores)])

    def draw(width: int) -> str:
        labels = len(found.p50)
        plot = Plot(
            width, 260, (0, labels), (0, nice(float(found.p90.max()))), right=24 if width < 500 else 90
        )
        plot.axes("kW", hour_ticks(labels, plot.is_narrow))
        x = np.arange(labels) + 0.5
        plot.area(x, found.p10, found.p90, "a")
        plot.line(x, found.p50, "a", "" if plot.is_narrow else t("expected"))
        return plot.svg(sentence)

    return Figure(t("The next day"), sentence, draw)


def _poor(work: Work, scores: Figures) -> list[str]:
    t = work.t
    if scores.mase is not None and scores.mase >= POOR_MASE:
        return [
            t("Do not rely on it: in the last days it was no better than the same day of the week before.")
        ]
    if scores.wape is not None and scores.wape >= POOR_WAPE:
        return [
            t("Do not rely on its single values: they missed by {wape} % of the load in the last days.",
              wape=f"{100 * scores.wape:.0f}")
        ]  # fmt: skip
    return []


def _worth(work: Work, found: Ahead) -> Facts:
    t, scores = work.t, found.scores

    def percent(value: float | None) -> str:
        return "—" if value is None else f"{100 * value:.1f} %"

    how = {
        Method.SIMILAR: t("the mean of the five latest days of the same kind"),
        Method.WEIGHTED: t("similar days, newer ones weighing more, moved to last week's level"),
    }
    facts = (
        Fact(
            t("Usual error (WAPE)"),
            percent(scores.wape),
            t("Sum of all misses over the sum of the load. For single customers 20 to 30 % is usual."),
        ),
        Fact(
            t("Against last week's same day (MASE)"),
            shown(scores.mase),
            t("Below 1: better than to repeat the day of a week before."),
        ),
        Fact(
            t("Within the band"),
            percent(scores.coverage),
            t("How often the load really was in the shaded band; 80 % is what it is made for."),
        ),
        Fact(
            t("Error of the peak"),
            percent(scores.peak_error),
            t("How far the day's highest load was missed, on average."),
        ),
    )
    note = t(
        "Tried on the last {days} days, each forecast with what was known the day before. Method: {method}.",
        days=scores.days, method=how.get(found.method, found.method.name.lower()),
    )  # fmt: skip
    return Facts(t("What such a forecast is worth"), facts, note)
