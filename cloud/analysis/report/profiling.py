"""What the load is like: what a degree costs, and, of many meters, which shapes of days they have."""

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import by_wall
from cloud.analysis.profile import shapes, temperature, variability
from cloud.analysis.profile.names import ShapeName, key_of
from cloud.analysis.profile.temperature import Sensitivity
from cloud.analysis.report.given import FULL_DAY
from cloud.analysis.report.page import Block, Cell, Figure, Section, Table, Text
from cloud.analysis.report.svg import Plot, shown, ticks
from cloud.analysis.report.work import AT, Work, hour_ticks, nice

MOST_DAYS = 30_000
WANTED = shapes.Wanted(refits=2, judged=3000, starts=3, most=10)
FEW = shapes.Wanted(least=2, refits=2, judged=3000, starts=3, most=5)
"""Where there are fewer kinds of days than are usually wanted."""
LEAST_DAYS = 60
REASONS = {
    "no_weather": "There are no temperatures of these days.",
    "too_few_days": "Fewer than {least} whole days have a temperature.",
    "no_gain": "Temperature explains next to nothing of this load.",
}


def section(work: Work) -> Section:
    t = work.t
    made = Section("profile", t("Profile"))
    made.blocks += _sensitivity(work, made)
    made.blocks += _groups(work, made)
    return made


def _sensitivity(work: Work, made: Section) -> list[Block]:
    t = work.t
    title = t("What a degree costs")
    if work.given.celsius is None:
        return [
            Text(
                t("No temperatures were given: with --temperature FILE the report says what a degree costs.")
            )
        ]
    energy = work.of("energy_kwh")
    found = temperature.sensitivities(energy[None], work.day_celsius, work.off)[0]
    made.figures["temperature"] = asdict(found)
    if found.reason is not None:
        return [Text(f"{title}: " + t(REASONS.get(found.reason, found.reason), least=LEAST_DAYS))]
    return [_scatter(work, found, energy, title)]


def _scatter(work: Work, found: Sensitivity, energy: NDArray[np.float64], title: str) -> Figure:
    t, celsius = work.t, work.day_celsius
    told = []
    if found.heating_kwh_per_c is not None:
        told.append(
            t(
                "Each degree below {limit} °C costs {kwh} kWh a day.",
                limit=shown(found.heating_below_c), kwh=shown(found.heating_kwh_per_c),
            )
        )  # fmt: skip
    if found.cooling_kwh_per_c is not None:
        told.append(
            t(
                "Each degree above {limit} °C costs {kwh} kWh a day.",
                limit=shown(found.cooling_above_c), kwh=shown(found.cooling_kwh_per_c),
            )
        )  # fmt: skip
    told.append(
        t(
            "Without either, a working day takes {base} kWh. The line explains {r2} % of the "
            "differences between "
            "{days} days.",
            base=shown(found.base_kwh), r2=shown(100 * (found.r2 or 0)), days=found.days,
        )
    )  # fmt: skip
    sentence = " ".join(told)
    known = np.isfinite(energy) & np.isfinite(celsius)
    low, high = float(celsius[known].min()), float(celsius[known].max())

    def draw(width: int) -> str:
        plot = Plot(width, 270, (low - 1, high + 1), (0, nice(float(energy[known].max()))))
        plot.axes("kWh", ticks(low, high, 4 if width < 500 else 8))
        plot.dots(celsius[known], energy[known], "a")
        x = np.linspace(low, high, 120)
        y = np.full(len(x), found.base_kwh or 0.0)
        if found.heating_kwh_per_c is not None and found.heating_below_c is not None:
            y += found.heating_kwh_per_c * np.maximum(0, found.heating_below_c - x)
        if found.cooling_kwh_per_c is not None and found.cooling_above_c is not None:
            y += found.cooling_kwh_per_c * np.maximum(0, x - found.cooling_above_c)
        plot.line(x, y, "b")
        plot.text(plot.width - plot.right, 12, t("mean of the day, °C") + " →", "tick", "end")
        return plot.svg(sentence)

    return Figure(title, sentence, draw, t("Each dot is a day."))


def _groups(work: Work, made: Section) -> list[Block]:
    t, given = work.t, work.given
    rows = given.customers
    if len(rows) < 2:
        return []
    if given.grid.labels % shapes.HOURS:
        return [Text(t("Shapes are left out: the interval does not make whole hours."))]
    energy = work.daily_of_all[rows, :, AT["energy_kwh"]]
    whole = (given.coverage()[rows] >= FULL_DAY) & (np.nan_to_num(energy) > 0)
    meter, day = _sample(whole)
    if len(meter) < 2 * WANTED.least * 10:
        return [Text(t("Shapes are left out: only {days} days are whole.", days=len(meter)))]
    wall = _curves(work, rows, meter, day)
    forms = shapes.shapes_of(wall, np.ones(len(wall), np.bool_))
    fit = shapes.fit(forms, WANTED)
    if not fit.stability:
        fit = shapes.fit(forms, FEW)
    codes = np.full((len(rows), len(given.days)), shapes.NONE, np.int64)
    codes[meter, day] = shapes.encode(forms, fit.centres)
    names = _names(fit.centres)
    habits = variability.habits(codes)
    stability = fit.stability.get(len(fit.centres))
    made.figures["shapes"] = {
        "groups": [{"name": name.said("en", given.grid.labels)} for name in names],
        "days": len(meter),
        "stability": stability,
        "of_meter": {
            given.meters[row]: names[each.code].said("en", given.grid.labels)
            for row, each in zip(rows, habits, strict=True)
            if each.code is not None
        },
    }
    return [_shapes(work, fit.centres, names, codes, stability), _members(work, rows, names, habits)]


def _sample(whole: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Meters and days, evenly thinned out where there are very many."""
    meter, day = np.nonzero(whole)
    every = -(-len(meter) // MOST_DAYS)
    if every <= 1:
        return meter, day
    chosen = np.sort(np.random.default_rng(1).choice(len(meter), MOST_DAYS, replace=False))
    return meter[chosen], day[chosen]


def _curves(
    work: Work, rows: list[int], meter: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(chosen days, labels) Wh by wall clock, meter by meter, so that no second copy of all is made."""
    out = np.empty((len(meter), work.given.grid.labels), np.float32)
    edges = np.searchsorted(meter, np.arange(len(rows) + 1))
    for place, row in enumerate(rows):
        own = slice(int(edges[place]), int(edges[place + 1]))
        out[own] = by_wall(work.given.wh[row][None], work.given.grid)[0][day[own]]
    return out


def _names(centres: NDArray[np.float32]) -> list[ShapeName]:
    met: dict[str, int] = {}
    found = []
    for centre in centres:
        key = key_of(centre)
        met[key] = met.get(key, 0) + 1
        found.append(ShapeName(key, met[key], int(centre.argmax())))
    return found


def _shapes(
    work: Work, centres: NDArray[np.float32], names: list[ShapeName], codes: NDArray[np.int64],
    stability: float | None,
) -> Figure:  # fmt: skip
    t = work.t
    labels = work.given.grid.labels
    language = t("en")
    counts = np.bincount(codes[codes >= 0], minlength=len(centres))
    order = np.argsort(-counts)
    most = order[0]
    sentence = t(
        "{count} shapes tell these days apart; the most frequent is “{name}” with {share} % of {days} days.",
        count=len(centres), name=names[most].said(language, labels),
        share=shown(100 * counts[most] / counts.sum()),
        days=int(counts.sum()),
    )  # fmt: skip
    if stability is not None:
        sentence += " " + t(
            "Sought again on half of the days, {score} of 1 agree (adjusted Rand index).",
            score=shown(stability),
        )
    power = centres * (100 * labels / shapes.HOURS)

    def draw(width: int) -> str:
        across = 2 if width < 500 else 4
        wide, high = width // across, 130
        down = -(-len(centres) // across)
        parts = []
        for place, code in enumerate(order.tolist()):
            plot = Plot(wide, high, (0, labels), (0, nice(float(power.max()))), left=30, right=14, top=34)
            plot.axes("", hour_ticks(labels, True)[::2], ticks(0, float(power.max()), 2))
            plot.text(6, 14, names[code].said(language, labels), "say")
            plot.text(6, 28, f"{100 * counts[code] / counts.sum():.0f} %", "tick")
            plot.line(np.arange(labels) + 0.5, power[code], "a")
            x, y = place % across * wide, place // across * high
            parts.append(f'<g transform="translate({x} {y})">{"".join(plot.parts)}</g>')
        whole = Plot(width, down * high, (0, 1), (0, 1))
        whole.parts = parts
        return whole.svg(sentence)

    note = t("Upwards: percent of the day's energy in an hour. Days are compared by shape, not by size.")
    return Figure(t("Shapes of days"), sentence, draw, note)


def _members(work: Work, rows: list[int], names: list[ShapeName], habits: list[variability.Habits]) -> Table:
    t, labels = work.t, work.given.grid.labels
    language = t("en")
    made: list[list[Cell | str]] = []
    for row, each in zip(rows, habits, strict=True):
        if each.code is None or each.share is None or each.entropy is None:
            made.append([work.given.meters[row], "—", Cell("—", -1.0), Cell("—", -1.0), Cell("0", 0.0)])
            continue
        made.append(
            [
                work.given.meters[row],
                names[each.code].said(language, labels),
                Cell(f"{100 * each.share:.0f} %", each.share),
                Cell(shown(each.entropy), each.entropy),
                Cell(str(each.days), float(each.days)),
            ]
        )
    head = [t("Meter"), t("Usual shape"), t("Share of days"), t("Variety (bits)"), t("Days looked at")]
    note = t("Variety is 0 where every day is alike and grows with how differently a meter's days go.")
    return Table(t("Which meter is like which"), head, made[:3000], numbers_from=2, sortable=True, note=note)
