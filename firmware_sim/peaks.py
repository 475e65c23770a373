"""Maximum demand: the highest mean power of a settlement period and when it ended, total and tariffs.

A period is gone through once and then only as far as time has gone on.
"""

from firmware_sim.loads import Bands
from firmware_sim.memory import settled_ms
from firmware_sim.meter import DEMAND_S, Meter
from firmware_sim.meter_events import Peak, Period

_KEPT_PERIODS = 13
_J_IN_MWH = 3.6
_DAY_MS = 86_400_000


def slide_ms(meter: Meter) -> int:
    """How far a window is from the next: its own length (block), or 04000104 minutes."""
    raw = meter.settings.written.get("04000104")
    minutes = int(raw.hex()) if raw else DEMAND_S // 60
    return min(max(minutes, 1), DEMAND_S // 60) * 60_000


def maxima(meter: Meter, at_ms: int, back: int, fed: bool = False) -> tuple[Peak, ...] | None:
    """The total's and the four tariffs' maxima of the period `back` settlements ago; 0 is the present one.

    None when the meter was not there then.
    """
    end_ms = at_ms if back == 0 else settled_ms(meter, at_ms, back)
    if end_ms is None:
        return None
    began_ms = settled_ms(meter, at_ms, back + 1)
    period = _period(meter, meter.since_ms if began_ms is None else began_ms, end_ms)
    return period.fed if fed else period.drawn


def _period(meter: Meter, since_ms: int, until_ms: int) -> Period:
    periods = meter.peaks = meter.peaks if meter.peaks is not None else {}
    period = periods.get(since_ms)
    if period is None:
        period = periods[since_ms] = Period(since_ms)
        while len(periods) > _KEPT_PERIODS:
            del periods[min(periods)]
    if period.done_ms > until_ms:
        period = _as_of(period, since_ms, until_ms)
    _go_on(meter, period, until_ms, slide_ms(meter))
    return period


def _as_of(period: Period, since_ms: int, until_ms: int) -> Period:
    """What the period was by its last mark before that instant."""
    passed = [mark for mark in period.marks if mark[0] <= until_ms]
    return Period(*passed[-1]) if passed else Period(since_ms)


def _go_on(meter: Meter, period: Period, until_ms: int, slide: int) -> None:
    window = DEMAND_S * 1000
    shift = meter.clock.offset_ms(until_ms) // 1000 * 1000
    end = period.done_ms - (period.done_ms + shift) % slide + slide
    sums: dict[int, tuple[Bands, Bands]] = {}
    while end <= until_ms:
        start = end - window
        if start >= meter.since_ms:
            for at in (start, end):
                if at not in sums:
                    sums[at] = (meter.counting.drawn_mwh(at), meter.counting.fed_mwh(at))
            period.drawn = _higher(period.drawn, sums[start][0], sums[end][0], end)
            period.fed = _higher(period.fed, sums[start][1], sums[end][1], end)
        period.done_ms = end
        if end - (period.marks[-1][0] if period.marks else 0) >= _DAY_MS:
            period.marks.append((end, period.drawn, period.fed))
        end += slide
        sums.pop(start, None)


def _higher(
    peaks: tuple[Peak, ...], before: tuple[int, ...], after: tuple[int, ...], end_ms: int
) -> tuple[Peak, ...]:
    spent = [now - then for then, now in zip(before, after, strict=True)]
    total = sum(spent) * _J_IN_MWH / DEMAND_S
    if total <= min(watts for watts, _ in peaks):
        return peaks
    band = max(range(4), key=spent.__getitem__) + 1
    return tuple(
        (total, end_ms) if place in (0, band) and total > peak[0] else peak
        for place, peak in enumerate(peaks)
    )
