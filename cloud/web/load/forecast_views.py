"""A forecast as people read it: the likely line, its band, what came so far, how far off it was lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast.figures import Figures
from cloud.insight.forecast.store import Forecast, Kind, Method, Outlook
from cloud.web.language import Words, mark
from cloud.web.load.figures import Figure, figure, over_a_day, slot_time
from cloud.web.load.plot import Form, Limit, Series
from cloud.web.load.profile_views import plain
from cloud.web.load.quality import percent

Curve = NDArray[np.float64]
QUARTER_H = 0.25
KINDS = {
    Kind.STATION: mark("Whole station"),
    Kind.FEEDER: mark("Feeder"),
    Kind.AREA: mark("Area"),
    Kind.TRANSFORMER: mark("Transformer"),
    Kind.POINT: mark("Metering point"),
}
METHODS = {
    "none": mark("no forecast"),
    "similar": mark("similar days"),
    "model": mark("model"),
    "blend": mark("model and similar days, half each"),
    "cold": mark("profile of its class"),
    "weighted": mark("similar days, the newer weighing more"),
    "sum": mark("sum of its parts"),
    "joined": mark("of its parts and the whole, weighed by their errors"),
}
REASONS = {
    "wins": mark("better than similar days on its own past days"),
    "no_gain": mark("the model was no better on its own past days"),
    "few_days": mark("too few past days to choose by"),
    "no_model": mark("no model is trained yet"),
    "new": mark("too new for days of its own"),
    "no_history": mark("nothing is known of it yet"),
}


@dataclass(frozen=True, slots=True)
class Day:
    """One forecast day: its figure and the numbers of its sentence; kW and kWh, None where not known."""

    day: date
    figure: Figure
    kwh: float | None
    low_kwh: float | None
    high_kwh: float | None
    peak_kw: float | None
    peak_at: str
    missed: str


@dataclass(frozen=True, slots=True)
class Curves:
    """P10, P50, P90 float (96,) in kW, and what came; NaN where it is not known or not yet."""

    p10: Curve
    p50: Curve
    p90: Curve
    real: Curve


def curves(found: Forecast, real: Curve | None = None) -> Curves:
    """Of one forecast, and what came of it."""
    p10, p50, p90 = (each.astype(float) for each in (found.p10, found.p50, found.p90))
    return Curves(p10, p50, p90, np.full(len(p50), np.nan) if real is None else real)


NAMED = (mark("P10 to P90"), mark("P50, the likely load"))
"""What the band and the line are called to operators."""


def day(
    found: date,
    these: Curves,
    words: Words,
    *,
    limits: Sequence[Limit] = (),
    lacking: str = "",
    named: tuple[str, str] = NAMED,
) -> Day:
    """`lacking` is said in place of how it went where nothing came; `named` the band and the line."""
    known = np.isfinite(these.p50)
    series = [
        Series(words.text(named[0]), plain(these.p10), "a", Form.BAND, plain(these.p90)),
        Series(words.text(named[1]), plain(these.p50), "a"),
    ]
    if np.isfinite(these.real).any():
        series.append(Series(words.text("what came"), plain(these.real), "real"))
    top = int(np.nanargmax(these.p50)) if known.any() else None
    low, kwh, high = (float(np.nansum(each)) * QUARTER_H for each in (these.p10, these.p50, these.p90))
    said = _said(these, top, kwh, words)
    sheet = over_a_day(len(these.p50), series, "kW", limits=limits)
    return Day(
        found,
        figure(sheet, said, position=words.text("Time")),
        kwh if known.any() else None,
        low if known.any() else None,
        high if known.any() else None,
        None if top is None else float(these.p50[top]),
        "" if top is None else slot_time(top, len(these.p50)),
        _missed(these, words) or lacking,
    )


def _said(these: Curves, top: int | None, kwh: float, words: Words) -> str:
    if top is None:
        return words.text("Nothing can be forecast of this day.")
    return words.text(
        "%(kwh)s kWh are likely; highest at %(time)s with %(kw)s kW, in eight of ten cases between "
        "%(low)s and %(high)s kW at that hour.",
        kwh=words.number(kwh, 1),
        time=slot_time(top, len(these.p50)),
        kw=words.number(float(these.p50[top]), 1),
        low=words.number(float(these.p10[top]), 1),
        high=words.number(float(these.p90[top]), 1),
    )


def _missed(these: Curves, words: Words) -> str:
    """How the day went so far; empty when nothing came."""
    both = np.isfinite(these.real) & np.isfinite(these.p50)
    if not both.any():
        return ""
    real = float(np.abs(these.real[both]).sum())
    if real <= 0:
        return ""
    off = float(np.abs(these.real - these.p50)[both].sum()) / real
    inside = float(((these.real >= these.p10) & (these.real <= these.p90))[both].mean())
    return words.text(
        "So far %(slots)s quarter-hours came: off by %(off)s, %(inside)s of them within the band.",
        slots=int(both.sum()),
        off=percent(off, words),
        inside=percent(inside, words),
    )


def worth(found: Forecast, words: Words) -> str:
    """The errors of its last days in one sentence."""
    of = found.figures
    if not of.days or of.wape is None:
        return words.text("How far off it is cannot be said yet: no day of it has been scored.")
    said = words.text(
        "On the last %(days)s days it was off by %(wape)s on average, its peak by %(peak)s; "
        "%(inside)s of the values lay within the band, where 80%% should.",
        days=of.days,
        wape=percent(of.wape, words),
        peak=percent(of.peak_error, words),
        inside=percent(of.coverage, words),
    )
    if found.method not in (Method.MODEL, Method.BLEND) or found.similar.wape is None:
        return said
    more = words.text("Similar days alone: %(wape)s.", wape=percent(found.similar.wape, words))
    return f"{said} {more}" if words.language == "en" else said + more


@dataclass(frozen=True, slots=True)
class Made:
    method: str
    why: str


def made(found: Forecast, words: Words) -> Made:
    return Made(words.text(METHODS[found.method.value]), words.text(REASONS[found.reason.value]))


def error_rows(of: Figures, words: Words) -> list[tuple[str, str, str]]:
    """(name, value, what it is) of each figure that is known."""
    rows = (
        (mark("WAPE"), percent(of.wape, words, 1), mark("errors over what came, all slots")),
        (mark("MASE"), words.number(of.mase, 2), mark("1 is as good as last week's same day")),
        (mark("Peak error"), percent(of.peak_error, words, 1), mark("of the highest load, whenever it came")),
        (mark("Peak time"), _minutes(of.peak_shift_min, words), mark("how far apart the two peaks were")),
        (mark("Coverage"), percent(of.coverage, words, 1), mark("of the values lay between P10 and P90")),
        (mark("Bias"), percent_signed(of.bias, words), mark("above 0: forecast too high")),
        (mark("Pinball"), words.number(of.pinball_kw, 3), mark("kW, mean of P10, P50 and P90")),
    )
    return [(words.text(name), value, words.text(what)) for name, value, what in rows]


def percent_signed(share: float | None, words: Words) -> str:
    if share is None:
        return words.number(None)
    return ("-" if share < 0 else "+") + percent(abs(share), words, 1)


def _minutes(value: float | None, words: Words) -> str:
    return words.number(value) if value is None else words.text("%(num)s min", num=words.number(value))


@dataclass(frozen=True, slots=True)
class Risk:
    """A transformer that may be heavy or overloaded on the day."""

    area: str
    kind: str
    word: str
    when: str
    heavy: str
    over: str
    beta: str
    capacity: str
    assumed: bool
    order: float


LIKELY = 0.5
WORTH_SHOWING = 0.05


def risks(found: Sequence[Forecast], words: Words) -> list[Risk]:
    """The surest first; what is under one in twenty is not listed."""
    shown = [_risk(each, each.outlook, words) for each in found if each.outlook is not None]
    return sorted((each for each in shown if each is not None), key=lambda each: -each.order)


def _risk(of: Forecast, outlook: Outlook, words: Words) -> Risk | None:
    heavy, over = outlook.heavy_probability or 0.0, outlook.over_probability or 0.0
    if max(heavy, over) < WORTH_SHOWING:
        return None
    if over >= LIKELY:
        kind, word = "bad", mark("overload likely")
    elif over >= WORTH_SHOWING:
        kind, word = "warn", mark("overload possible")
    elif heavy >= LIKELY:
        kind, word = "warn", mark("heavy load likely")
    else:
        kind, word = "none", mark("heavy load possible")
    top = int(np.nanargmax(of.p50)) if np.isfinite(of.p50).any() else 0
    return Risk(
        of.subject,
        kind,
        words.text(word),
        words.text("about %(time)s", time=slot_time(top, len(of.p50))),
        percent(heavy, words),
        percent(over, words),
        f"{percent(outlook.peak_beta_p50, words)} – {percent(outlook.peak_beta_p90, words)}",
        words.number(outlook.capacity_kva),
        outlook.assumed_power_factor,
        over * 2 + heavy,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One subject in a list."""

    id: str
    name: str
    kwh: float | None
    peak_kw: float | None
    peak_at: str
    wape: float | None
    peak_error: float | None
    coverage: float | None
    days: int


def rows(found: Sequence[Forecast], names: dict[str, str]) -> list[Row]:
    """The greatest peak first."""
    listed = [_row(each, names.get(each.subject, each.subject)) for each in found]
    return sorted(listed, key=lambda each: (-(each.peak_kw or 0.0), each.id))


def _row(of: Forecast, name: str) -> Row:
    figures = of.figures
    errors = (figures.wape, figures.peak_error, figures.coverage, figures.days)
    if not np.isfinite(of.p50).any():
        return Row(of.subject, name, None, None, "", *errors)
    top = int(np.nanargmax(of.p50))
    kwh = float(np.nansum(of.p50)) * QUARTER_H
    return Row(of.subject, name, kwh, float(of.p50[top]), slot_time(top, len(of.p50)), *errors)
