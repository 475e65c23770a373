"""Of many meters: a table to sort, how far their peaks fall together, and who makes the common peak."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.indicators.coincidence import Coincidence, coincidence
from cloud.analysis.report.given import FULL_DAY
from cloud.analysis.report.numbers import number
from cloud.analysis.report.page import Cell, Fact, Facts, Figure, Section, Table
from cloud.analysis.report.svg import Plot, Tick, shown
from cloud.analysis.report.work import AT, Work, means

MOST_ROWS = 3000
RANKED = 15


def section(work: Work) -> Section | None:
    """None of a single meter."""
    t, given = work.t, work.given
    rows = given.customers
    if len(rows) < 2:
        return None
    made = Section("meters", t("All meters"))
    found = _coincidence(work, rows)
    made.blocks += [
        each for each in (_together(work, found), _ranking(work, found, rows)) if each is not None
    ]
    made.blocks.append(_table(work, found, rows))
    at = int(found.peak_slot[0])
    made.figures = {
        "coincidence_factor": number(float(found.factor[0])),
        "peak_kw": number(float(found.peak[0])),
        "peak_day": str(given.days[int(given.grid.day[at])]) if at >= 0 else None,
        "meters": int(found.members[0]),
        "meters_at_peak": int(found.known[0, at]) if at >= 0 else 0,
    }
    return made


def _coincidence(work: Work, rows: list[int]) -> Coincidence:
    """In kW, its members in the order of `rows`; the curves themselves are not copied."""
    given = work.given
    group = np.full(len(given.meters), -1, np.int64)
    group[rows] = 0
    found = coincidence(given.wh, group)
    per_kw = 1000 * given.hours
    return replace(
        found,
        peak=found.peak / per_kw,
        maxima=found.maxima / per_kw,
        own=(found.own[rows] / per_kw).astype(np.float32),
        at_peak=(found.at_peak[rows] / per_kw).astype(np.float32),
    )


def _together(work: Work, found: Coincidence) -> Facts | None:
    t, given = work.t, work.given
    factor, at = float(found.factor[0]), int(found.peak_slot[0])
    if at < 0 or not math.isfinite(factor):
        return None
    day = given.days[int(given.grid.day[at])]
    return Facts(
        t("Peaks together"),
        (
            Fact(
                t("Coincidence factor"),
                shown(factor),
                t(
                    "The highest sum is {peak} kW; added up, each meter's own highest come to {sum} "
                    "kW. 1 would "
                    "mean that all peak at once.",
                    peak=shown(float(found.peak[0])),
                    sum=shown(float(found.maxima[0])),
                ),
            ),
            Fact(
                t("Common peak"),
                f"{day} {work.clock(int(given.grid.label[at]))}",
                t(
                    "{known} of {all} meters have a value then.",
                    known=int(found.known[0, at]),
                    all=len(found.own),
                ),
            ),
        ),
    )


def _ranking(work: Work, found: Coincidence, rows: list[int]) -> Figure | None:
    t, given = work.t, work.given
    order = [
        int(each) for each in np.argsort(-np.nan_to_num(found.at_peak))[:RANKED] if found.at_peak[each] > 0
    ]
    if not order:
        return None
    peak = float(found.peak[0])
    share = [float(found.at_peak[each]) / peak for each in order]
    sentence = t(
        "At the common peak the first {count} of {all} meters draw {share} % of all; {first} alone {one} %.",
        count=len(order), all=len(rows), share=shown(100 * sum(share)), first=given.meters[rows[order[0]]],
        one=shown(100 * share[0]),
    )  # fmt: skip

    def draw(width: int) -> str:
        plot = Plot(
            width, 24 * len(order) + 44, (0, share[0] * 1.25), (0, 1), left=110 if width < 500 else 170
        )
        step = next(each for each in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if share[0] / each < 5)
        across = [Tick(n * step, f"{100 * n * step:.0f} %") for n in range(int(share[0] / step) + 1)]
        plot.axes("", across, ())
        for place, (row, part) in enumerate(zip(order, share, strict=True)):
            y = 10 + 24 * place
            name = given.meters[rows[row]]
            most = 14 if plot.is_narrow else 24
            plot.text(
                plot.left - 8, y + 13, name if len(name) <= most else name[: most - 1] + "…", "say", "end"
            )
            wide = plot.at_x(part) - plot.left
            plot.parts.append(f'<rect class="bar a" x="{plot.left}" y="{y}" width="{wide:g}" height="17"/>')
            plot.text(plot.left + wide + 6, y + 13, f"{shown(float(found.at_peak[row]))} kW", "say")
        return plot.svg(sentence)

    return Figure(t("Who makes the common peak"), sentence, draw)


def _table(work: Work, found: Coincidence, rows: list[int]) -> Table:
    t, given = work.t, work.given
    coverage = given.coverage()
    daily = work.daily_of_all
    whole = coverage >= FULL_DAY
    mean = {name: _means(daily[:, :, AT[name]], whole) for name in ("load_factor", "base_kw", "night_share")}
    total = np.asarray(np.nansum(daily[:, :, AT["energy_kwh"]], axis=1, dtype=np.float64), np.float64)
    shown_rows = sorted(range(len(rows)), key=lambda place: -total[rows[place]])[:MOST_ROWS]
    made: list[list[Cell | str]] = []
    for place in shown_rows:
        row = rows[place]
        values = (
            (total[row], 1, ""),
            (float(found.own[place]), 1, ""),
            (float(mean["load_factor"][row]), 100, " %"),
            (float(mean["base_kw"][row]), 1, ""),
            (float(mean["night_share"][row]), 100, " %"),
            (float(found.contribution[place]), 100, " %"),
            (float(coverage[row].mean()), 100, " %"),
        )
        cells = [Cell(_told(value, by, unit), value) for value, by, unit in values]
        made.append([given.meters[row], *cells])
    head = [
        t("Meter"), "kWh", t("Highest kW"), t("Load factor"), t("Base kW"), t("At night"),
        t("At common peak"), t("Coverage"),
    ]  # fmt: skip
    left = len(rows) - len(made)
    note = t("Click a heading to sort. “At common peak”: what the meter draws then over its own highest.")
    if left > 0:
        note += " " + t("{count} meters of less energy are not listed.", count=left)
    return Table(t("Meter by meter"), head, made, sortable=True, note=note)


def _means(values: NDArray[np.float32], whole: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each row over its whole days."""
    return means(np.where(whole, values, np.nan).T)


def _told(value: float, by: int, unit: str) -> str:
    return "—" if not math.isfinite(value) else shown(by * value) + unit
