"""The indicators of one curve, each with a sentence of what it means; its bands; its highest peaks."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.indicators.bands import energy_by_band
from cloud.analysis.report.page import Cell, Fact, Facts, Figure, Section, Table
from cloud.analysis.report.svg import Plot, Tick, shown
from cloud.analysis.report.work import Work
from cloud.kit.bands import Band, in_force

PEAKS = 10
LEAST_FOR_SPREAD = 7
"""Of fewer whole days nothing is said of how days differ."""
BANDS = {
    Band.SHARP: ("Sharp", "d"),
    Band.PEAK: ("Peak", "b"),
    Band.FLAT: ("Flat", "e"),
    Band.VALLEY: ("Valley", "a"),
    Band.DEEP_VALLEY: ("Deep valley", "c"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A daily indicator as the report tells it: mean over whole days, as a share where `percent`."""

    key: str
    name: str
    unit: str
    sentence: str


SAID = (
    Said("energy_kwh", "Energy a day", "kWh", "What is drawn on an average day."),
    Said("max_kw", "Highest load of a day", "kW", "The highest interval of each day, on average."),
    Said("base_kw", "Base load", "kW", "What runs day and night; much of it is worth a look at standby use."),
    Said("load_factor", "Load factor", "%", "Mean over highest load: 100 % is perfectly even, low is peaky."),
    Said("peak_valley_rate", "Peak-valley rate", "%", "How far the load falls below its peak within a day."),
    Said(
        "max_ramp_kw", "Steepest step", "kW", "The greatest change from one interval to the next, on average."
    ),
    Said(
        "peak_hours", "Hours near the peak", "h", "How long a day stays within 5 % of its own highest load."
    ),
    Said("night_share", "Share at night", "%", "Energy from 22:00 to 06:00; a third would be an even load."),
    Said("daytime_share", "Share by day", "%", "Energy from 08:00 to 18:00; 42 % would be an even load."),
    Said(
        "spike_ratio",
        "Spike ratio",
        "",
        "The highest over the third-highest value of a day: far above 1 is odd.",
    ),
)


def section(work: Work) -> Section:
    t = work.t
    made = Section("indicators", t("Indicators"), lead=t("Means over the days that are whole."))
    days = int(work.whole.sum())
    if not days:
        made.reason = t("No day has 95 % of its values: an indicator of it would mislead.")
        return made
    means = {each.key: _mean(work.of(each.key)) for each in SAID}
    facts = [Fact(t(each.name), _told(means[each.key], each.unit), t(each.sentence)) for each in SAID]
    facts += _of_the_period(work)
    note = t(
        "Of {name}: {days} of {all} days, {share} % of their values known; none of them estimated here.",
        name=work.subject.name, days=days, all=len(work.whole),
        share=shown(100 * float(work.coverage[work.whole].mean())),
    )  # fmt: skip
    made.blocks.append(Facts("", facts, note))
    bands = _bands(work)
    made.blocks += [each for each in (bands, _peaks(work)) if each is not None]
    made.figures = {
        "name": work.subject.name,
        "days": days,
        "days_in_file": len(work.whole),
        "coverage": round(float(work.coverage.mean()), 6),
        "estimated_share": 0.0,
        "mean": {key: number(value) for key, value in means.items()},
        "maximum_kw": number(float(np.nanmax(work.subject.kw))),
    }
    if bands is None and work.given.bands is None:
        made.blocks.append(
            Facts(
                t("Bands"),
                (),
                t("The tariff's bands change within an interval: energy cannot be shared out by them.")
                if work.given.tables
                else t(
                    "No bands of a tariff are known here: --policies FOLDER names one with your bands.toml."
                ),
            )
        )
    if work.given.bands is not None:
        made.figures["bands"] = _shares(work)
    return made


def number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _told(value: float, unit: str) -> str:
    return f"{shown(100 * value)} %" if unit == "%" else f"{shown(value)} {unit}".strip()


def _of_the_period(work: Work) -> list[Fact]:
    t, kw, hours = work.t, work.subject.kw, work.given.hours
    known = kw[np.isfinite(kw)]
    top, energy = float(known.max()), float(known.sum(dtype=np.float64)) * hours
    energies, maxima = work.of("energy_kwh"), work.of("max_kw")
    facts = [
        Fact(
            t("Energy in the file"),
            f"{shown(energy)} kWh",
            t("The sum of what is known; nothing is added for what is missing."),
        )
    ]
    if top > 0:
        facts.append(
            Fact(
                t("Hours of use of the peak"),
                f"{shown(energy / top)} h",
                t(
                    "Energy over the highest load ({top} kW): of {all} hours that are known.",
                    top=shown(top),
                    all=shown(len(known) * hours),
                ),
            )
        )
    if np.isfinite(energies).sum() >= LEAST_FOR_SPREAD and _mean(energies) > 0:
        spread = _told(float(np.nanstd(energies)) / _mean(energies), "%")
        facts.append(
            Fact(t("Change from day to day"), spread, t("Spread of daily energies around their mean."))
        )
    off, busy = _mean(energies[work.off]), _mean(energies[~work.off])
    if busy > 0 and math.isfinite(off):
        facts.append(
            Fact(
                t("Weekend to working day"),
                _told(off / busy, "%"),
                t("Daily energy of days off over that of working days."),
            )
        )
    if np.isfinite(maxima).any():
        facts.append(Fact(t("Highest load"), f"{shown(top)} kW", t("The highest interval of all.")))
    return facts


def _shares(work: Work) -> dict[str, float | None]:
    energy = _energies(work)
    total = float(energy.sum())
    return {band.name.lower(): number(float(energy[band]) / total) if total else None for band in Band}


def _energies(work: Work) -> NDArray[np.float64]:
    bands = work.given.bands
    assert bands is not None
    wh = work.subject.kw * np.float32(1000 * work.given.hours)
    found: NDArray[np.float64] = energy_by_band(np.ascontiguousarray(wh[None]), bands)[0]
    return found


def _bands(work: Work) -> Figure | None:
    t = work.t
    if work.given.bands is None:
        return None
    energy = _energies(work)
    total = float(energy.sum())
    if total <= 0:
        return None
    shares = [(t(BANDS[band][0]), BANDS[band][1], float(energy[band]) / total) for band in Band]
    told = [f"{name} {shown(100 * share)} %" for name, _, share in shares if share > 0]
    sentence = t(
        "Of {total} kWh: {shares}. By the table “{table}”.",
        total=shown(total), shares=", ".join(told), table="”, “".join(_tables(work)),
    )  # fmt: skip

    def draw(width: int) -> str:
        plot = Plot(
            width, 34 * len(shares) + 40, (0, max(each[2] for each in shares) * 1.15), (0, 1), left=84
        )
        plot.axes(
            "", [Tick(each, f"{100 * each:.0f} %") for each in (0, 0.25, 0.5, 0.75) if each <= plot.x[1]], ()
        )
        for number_, (name, kind, share) in enumerate(shares):
            y = 18 + 34 * number_
            plot.text(plot.left - 8, y + 15, name, "say", "end")
            wide = plot.at_x(share) - plot.left
            plot.parts.append(
                f'<rect class="bar {kind}" x="{plot.left}" y="{y}" width="{wide:g}" height="22"/>'
            )
            plot.text(plot.left + wide + 6, y + 15, f"{100 * share:.1f} %", "say")
        return plot.svg(sentence)

    return Figure(t("Energy by band"), sentence, draw)


def _tables(work: Work) -> list[str]:
    """Names of the tables that hold on any of the days, each once."""
    return list(dict.fromkeys(in_force(work.given.tables, day).name for day in work.given.days))


def _peaks(work: Work) -> Table:
    t, given, kw = work.t, work.given, work.subject.kw
    maxima = work.of("max_kw", whole=False)
    days = [int(each) for each in np.argsort(-np.nan_to_num(maxima, nan=-1))[:PEAKS] if maxima[each] > 0]
    rows: list[list[Cell | str]] = []
    for rank, day in enumerate(days, 1):
        first, last = given.grid.first_slot[day], given.grid.first_slot[day + 1]
        at = int(np.nanargmax(kw[first:last])) + int(first)
        celsius = work.day_celsius[day]
        rows.append(
            [
                Cell(str(rank), rank),
                Cell(shown(float(kw[at])), float(kw[at])),
                str(given.days[day]),
                work.clock(int(given.grid.label[at])),
                t(given.days[day].strftime("%A")),
                Cell(f"{100 * work.coverage[day]:.0f} %", float(work.coverage[day])),
                *([Cell(shown(float(celsius)), float(celsius))] if given.celsius is not None else []),
            ]
        )
    head = [t("Rank"), "kW", t("Day"), t("Time"), t("Weekday"), t("Known of the day")]
    if given.celsius is not None:
        head.append(t("Mean °C"))
    return Table(t("The days with the highest peaks"), head, rows, numbers_from=5)
