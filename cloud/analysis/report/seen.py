"""The first section: what was read, how it was understood, and what is missing, as a picture by day."""

import numpy as np

from cloud.analysis.report.page import Fact, Facts, Figure, Section, Text
from cloud.analysis.report.svg import Plot, Tick, blend, picture, shown
from cloud.analysis.report.work import Work, day_ticks, span_of

COVERAGE = blend([(194, 87, 12), (240, 190, 120), (120, 170, 205), (0, 90, 150)])
MOST_ROWS = 400
MONTH = 28
"""Fewer days are told to be few: they stand for themselves and not for a year."""
TALL_PX = 14


def section(work: Work) -> Section:
    t, given = work.t, work.given
    coverage = given.coverage()
    share = float(coverage.mean())
    made = Section("read", t("What was read"), lead=t("Check this first: everything below rests on it."))
    facts = [Fact(name, text) for name, text in given.read]
    facts.append(Fact(t("Values that are there"), f"{100 * share:.1f} %", _missing(work, coverage)))
    made.blocks.append(Facts("", facts))
    made.blocks += [Text(note) for note in _notes(work)]
    made.blocks.append(_picture(work, coverage))
    made.figures = {
        "meters": len(given.meters),
        "first_day": str(given.days[0]),
        "last_day": str(given.days[-1]),
        "days": len(given.days),
        "interval_s": given.interval_s,
        "zone": given.zone.key,
        "coverage": round(share, 6),
        "notes": _notes(work),
    }
    return made


def _notes(work: Work) -> list[str]:
    t, days = work.t, int(work.whole.sum())
    few = [
        t("Few whole days ({days}): they tell nothing of other seasons, and little of what is usual.",
          days=days)
    ]  # fmt: skip
    return [*work.given.notes, *(few if 0 < days < MONTH else [])]


def _missing(work: Work, coverage: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    t = work.t
    lacking = int((coverage.min(axis=0) < 1).sum())
    if not lacking:
        return t("No value is missing.")
    return t("{days} of {all} days lack something.", days=lacking, all=coverage.shape[1])


def _picture(work: Work, coverage: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Figure:
    t, given = work.t, work.given
    every = max(1, -(-len(coverage) // MOST_ROWS))
    rows = np.stack([coverage[at : at + every].mean(axis=0) for at in range(0, len(coverage), every)])
    uri = picture(rows, 0, 1, COVERAGE)
    worst = int(coverage.mean(axis=0).argmin())
    complete = t("{span}: no value is missing.", span=span_of(given.days))
    sentence = complete if coverage.min() == 1 else t(
        "{span}: {share} % of all values are there. The poorest day is {day} with {low} %.",
        span=span_of(given.days), share=shown(100 * float(coverage.mean())),
        day=given.days[worst], low=shown(100 * float(coverage[:, worst].mean())),
    )  # fmt: skip
    height = 64 + min(300, max(34, TALL_PX * len(rows) if len(rows) < 12 else 2 * len(rows)))

    def draw(width: int) -> str:
        plot = Plot(width, height, (0, len(given.days)), (len(coverage), 0), left=52)
        plot.image(uri)
        across = [Tick(1, "1"), Tick(len(coverage), str(len(coverage)))] if len(coverage) > 1 else []
        plot.axes(t("meter"), day_ticks(given.days, 4 if plot.is_narrow else 9), across)
        plot.text(width - 14, 12, t("blue: whole, orange: missing"), "tick", "end")
        return plot.svg(sentence)

    return Figure(t("What is there, day by day"), sentence, draw)
