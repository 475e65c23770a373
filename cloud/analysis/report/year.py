"""The pictures of one curve: all days at a glance, the typical day, energy by day, how long which load."""

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.profile.shapes import filled
from cloud.analysis.profile.typical import medoids
from cloud.analysis.report.page import Figure, Section
from cloud.analysis.report.svg import CIVIDIS, Plot, Tick, picture, shown, ticks
from cloud.analysis.report.work import Work, day_ticks, hour_ticks, means, nice

FEWEST_DAYS = 2
UNSTEADY = 0.75
"""Typical days of less energy than so much of the mean are told of."""


def section(work: Work) -> Section:
    """Whatever is shown rests on the days that are there; days with holes stand in pictures, not in means."""
    t = work.t
    made = Section("load", t("Load over the year"), lead=t("The load of {name}.", name=work.subject.name))
    if not np.isfinite(work.subject.kw).any():
        made.reason = t("There is no moment at which all meters are known together: nothing can be added up.")
        return made
    made.blocks += [_heat(work), *_typical(work), _energy(work), _duration(work)]
    return made


def _heat(work: Work) -> Figure:
    t, given, kw = work.t, work.given, work.subject.kw
    known = kw[np.isfinite(kw)]
    low, high = float(min(known.min(), 0)), float(np.quantile(known, 0.995))
    uri = picture(work.wall.T, low, high or 1.0, CIVIDIS)
    at = int(np.nanargmax(kw))
    day, label = given.days[int(given.grid.day[at])], int(given.grid.label[at])
    hours = means(work.wall)
    sentence = t(
        "Each column is a day, each row a time of day; the brighter, the higher the load. The highest was "
        "{top} kW on {day} at {clock}; on average the day is highest at {usual} and lowest at {least}.",
        top=shown(float(kw[at])), day=day, clock=work.clock(label),
        usual=work.clock(int(np.nanargmax(hours))), least=work.clock(int(np.nanargmin(hours))),
    )  # fmt: skip

    def draw(width: int) -> str:
        labels = given.grid.labels
        plot = Plot(width, 320, (0, len(given.days)), (labels, 0), top=34, bottom=26)
        plot.axes(
            t("time of day"), day_ticks(given.days, 4 if plot.is_narrow else 9), hour_ticks(labels, False)
        )
        plot.image(uri)
        _key(plot, low, high)
        return plot.svg(sentence)

    return Figure(t("Every day at a glance"), sentence, draw, t("Grey: no value."))


def _key(plot: Plot, low: float, high: float) -> None:
    """The scale of colours, at the top right."""
    room = 120
    x, y = plot.width - plot.right - room - 62, 6
    for number, (red, green, blue) in enumerate(CIVIDIS[::4]):
        plot.parts.append(
            f'<rect x="{x + number * room / 16:g}" y="{y}" width="{room / 16 + 0.5:g}" height="10" '
            f'fill="rgb({red},{green},{blue})"/>'
        )
    plot.text(x - 5, y + 10, shown(low), "tick", "end")
    plot.text(x + room + 5, y + 10, f"≥ {shown(high)} kW", "tick")


def _typical(work: Work) -> list[Figure]:
    t, given = work.t, work.given
    kinds = (
        (t("Working day"), "a", work.whole & ~work.off),
        (t("Weekend and holiday"), "b", work.whole & work.off),
    )
    kw = filled(work.wall)
    curves = [
        (name, kind, kw[int(medoids(kw[None], days[None])[0])], kw[days])
        for name, kind, days in kinds
        if days.sum() >= FEWEST_DAYS
    ]
    if not curves:
        return []
    said = [
        t(
            "{name}: {energy} kWh, highest {top} kW at {clock}, lowest {low} kW ({days} days).",
            name=name,
            energy=shown(float(np.nansum(curve)) * given.hours),
            top=shown(float(np.nanmax(curve))),
            clock=work.clock(int(np.nanargmax(curve))),
            low=shown(float(np.nanmin(curve))),
            days=len(days),
        )
        for name, _, curve, days in curves
    ]
    sentence = t("The real day that is most like all others of its kind.") + " " + " ".join(said)
    usual = sum(float(np.nansum(curve)) * len(days) for _, _, curve, days in curves)
    whole = sum(float(days.sum()) for *_, days in curves)
    count = sum(len(days) for *_, days in curves)
    if usual < UNSTEADY * whole:
        sentence += " " + t(
            "This load leaps about, and no real day is like its mean: of typical days {usual} kWh, of all "
            "{mean} kWh. For energy go by the mean.",
            usual=shown(usual * given.hours / count), mean=shown(whole * given.hours / count),
        )  # fmt: skip

    def draw(width: int) -> str:
        labels = given.grid.labels
        top = max(float(np.quantile(days, 0.9, axis=0).max()) for *_, days in curves)
        top = max(top, *(float(np.nanmax(curve)) for _, _, curve, _ in curves))
        plot = Plot(width, 270, (0, labels), (0, nice(top)), right=24 if width < 500 else 150)
        plot.axes("kW", hour_ticks(labels, plot.is_narrow))
        x = np.arange(labels) + 0.5
        for _, kind, _, days in curves:
            low, high = np.quantile(days, [0.1, 0.9], axis=0)
            plot.area(x, low, high, kind)
        for number, (name, kind, curve, days) in enumerate(curves):
            plot.line(x, days.mean(axis=0), f"{kind} thin dash")
            plot.line(x, curve, kind, "" if plot.is_narrow else name)
            if plot.is_narrow:
                plot.text(70 + number * 110, 12, name, f"name {kind}")
        return plot.svg(sentence)

    note = t("Shaded: where eight of ten days lie. Dashed: the mean of all days, which hides their peaks.")
    return [Figure(t("Typical day"), sentence, draw, note)]


def _energy(work: Work) -> Figure:
    t, given = work.t, work.given
    energy = work.of("energy_kwh")
    known = np.isfinite(energy)
    celsius = work.day_celsius
    with_heat = np.isfinite(celsius).any()
    sentence = t("No day is whole, so no daily energy can be said.")
    if known.any():
        top, low = int(np.nanargmax(energy)), int(np.nanargmin(energy))
        sentence = t(
            "{mean} kWh on an average day; most on {top_day} ({top} kWh), least on {low_day} ({low} kWh). "
            "{days} of {all} days are whole.",
            mean=shown(float(np.nanmean(energy))), top_day=given.days[top], top=shown(float(energy[top])),
            low_day=given.days[low], low=shown(float(energy[low])), days=int(known.sum()), all=len(energy),
        )  # fmt: skip
    if known.sum() == 1:
        sentence = t("One day is whole: it took {energy} kWh.", energy=shown(float(np.nanmean(energy))))
    if with_heat:
        sentence += " " + t(
            "The line is the day's mean temperature, {low} to {high} °C.",
            low=shown(float(np.nanmin(celsius))), high=shown(float(np.nanmax(celsius))),
        )  # fmt: skip

    def draw(width: int) -> str:
        right = 46 if with_heat else 24
        top = float(np.nanmax(energy)) if known.any() else 1.0
        plot = Plot(width, 250, (0, len(energy)), (0, nice(top)), right=right)
        plot.axes("kWh", day_ticks(given.days, 4 if plot.is_narrow else 9))
        plot.bars(np.arange(len(energy), dtype=np.float64), energy, 0.8 if len(energy) < 120 else 1.0, "a")
        if with_heat:
            _temperature(plot, celsius)
        return plot.svg(sentence)

    note = t("A day with more than 5 % of its values missing has no bar: it is not zero.")
    return Figure(t("Energy day by day"), sentence, draw, note)


def _temperature(plot: Plot, celsius: NDArray[np.float64]) -> None:
    """On an axis of its own at the right."""
    low, high = float(np.nanmin(celsius)), float(np.nanmax(celsius))
    own = Plot(plot.width, plot.height, plot.x, (low, high + 0.1), right=plot.right)
    for tick in ticks(low, high, 4):
        plot.text(plot.width - plot.right + 6, own.at_y(tick.at) + 4, tick.label, "tick b")
    plot.text(plot.width - 4, 12, "°C", "unit name b", "end")
    own.line(np.arange(len(celsius)) + 0.5, celsius, "b thin")
    plot.parts += own.parts


def _duration(work: Work) -> Figure:
    t, hours = work.t, work.given.hours
    known = np.sort(work.subject.kw[np.isfinite(work.subject.kw)])[::-1]
    total = len(known) * hours
    above = float((known >= 0.9 * known[0]).sum()) * hours if known[0] > 0 else 0.0
    sentence = t(
        "All values sorted from the highest to the lowest. For half of the time the load is above "
        "{half} kW; above "
        "90 % of its highest ({top} kW) it is for {above} of {total} hours.",
        half=shown(float(known[len(known) // 2])), top=shown(float(known[0])), above=shown(above),
        total=shown(total),
    )  # fmt: skip
    at = np.unique(np.geomspace(1, len(known), 400).astype(np.int64)) - 1
    at = np.unique(np.concatenate([at, np.linspace(0, len(known) - 1, 300).astype(np.int64)]))

    def draw(width: int) -> str:
        plot = Plot(width, 240, (0, 100), (0, nice(float(known[0]))))
        plot.axes("kW", [Tick(each, f"{each} %") for each in (0, 25, 50, 75, 100)])
        plot.line(100 * (at + 1) / len(known), known[at].astype(np.float64), "a")
        y, x = plot.at_y(0.9 * float(known[0])), plot.at_x(100)
        plot.parts.append(f'<path class="line thin dash e" d="M{plot.left} {y}H{x}"/>')
        plot.text(x, y - 5, t("90 % of the highest"), "tick", "end")
        return plot.svg(sentence)

    return Figure(t("How long which load"), sentence, draw, t("Across: share of the time."))
