"""Finds customers who are booked in the wrong place: another area, another meter, another ratio."""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from cloud.analysis.loss import topology
from cloud.analysis.loss.evidence import Fact, Item, Kind, Line
from cloud.insight.loss.area_history import MONTH_DAYS, Area, Floats, loss_line
from cloud.insight.loss.policy import LossPolicy

_WEEKS = 4
"""So many on each side of an exchange, or nothing is said."""
_LEAST_ERROR = 0.05
"""Of a mean logarithm: nobody's habits are steadier from month to month."""


def misplaced(areas: Sequence[Area], policy: LossPolicy) -> Iterator[Item]:
    """Customers booked in another area of the feeder than supplies them, and those of a wrong K."""
    group = _group(areas)
    who = [(area, area.history.points[at]) for area in areas for at in area.customers]
    found = topology.misplaced(group)
    crossed = {
        id(each): other
        for one, two in topology.crossed_over(found, group.area)
        for each, other in ((one, two), (two, one))
    }
    for each in found:
        area, point = who[each.customer]
        pair = crossed.get(id(each))
        kwh = round(float(np.nanmean(group.energies[each.customer])) * MONTH_DAYS, 1)
        line = Line(
            Fact.HERE_AND_THERE,
            {
                "here": round(each.here, 2),
                "there": round(each.there, 2),
                "area": areas[each.belongs].name,
                "strength": round(each.strength, 3),
            },
        )
        other = areas[each.belongs].name if pair is None else who[pair.customer][1]
        kind = Kind.WRONG_AREA if pair is None else Kind.CROSSED
        yield Item(kind, area.name, point, other, kwh, None, None, each.strength, (line, loss_line(area)))
    taken = {each.customer for each in found}
    for ratio in topology.wrong_ratios(group, policy.ratio.steps, within=policy.ratio.within):
        if ratio.customer not in taken:
            yield _wrong_ratio(*who[ratio.customer], ratio, group)


def _wrong_ratio(area: Area, point: str, found: topology.WrongRatio, group: topology.Group) -> Item:
    used = float(np.nanmean(group.energies[found.customer])) * MONTH_DAYS
    month, spread = used * (found.factor - 1), used * found.spread * 1.28
    line = ratio_line(found, float(group.ratio[found.customer]))
    return Item(
        Kind.WRONG_RATIO, area.name, point, None, round(month, 1), round(month - spread, 1),
        round(month + spread, 1), 0.9, (line, loss_line(area)),
    )  # fmt: skip


def ratio_line(found: topology.WrongRatio, ratio: float) -> Line:
    """By which ratio what is booked fits what is measured."""
    numbers = {"factor": round(found.factor, 3), "spread": round(found.spread, 4)}
    return Line(Fact.FITS_RATIO, {**numbers, "ratio": ratio, "fits": found.fits})


def _group(areas: Sequence[Area]) -> topology.Group:
    return topology.Group(
        np.stack([np.nan_to_num(each.loss) for each in areas]),
        np.stack([np.nan_to_num(each.balance.supply[0]) for each in areas]),
        np.stack([each.square for each in areas]),
        np.stack([each.clean for each in areas]),
        np.concatenate([each.energies for each in areas]),
        np.repeat(np.arange(len(areas)), [len(each.customers) for each in areas]),
        np.concatenate([each.history.ratio[each.customers] for each in areas]),
    )


def crossed_at_exchanges(area: Area, visits: Sequence[tuple[date, Sequence[str]]]) -> Iterator[Item]:
    """Customers of the area who go on as each other since their meters were exchanged in one visit.

    `visits`: a day and the points whose meters were exchanged on it. Told apart by how much they use on each
    day of the week: without a visit nothing of this can be known, their area's loss is the same.
    """
    place = {area.history.points[at]: row for row, at in enumerate(area.customers)}
    energies = area.measured
    for day, names in visits:
        rows = [place[name] for name in names if name in place]
        cut = (day - area.history.days[0]).days
        if len(rows) < 2 or not _WEEKS * 7 <= cut <= len(area.history.days) - _WEEKS * 7 - 1:
            continue
        before, error = _by_weekday(energies[rows, :cut], 0)
        after, other_error = _by_weekday(energies[rows, cut + 1 :], cut + 1)
        spread = np.hypot(error, other_error)
        for one, other, own, cross in topology.crossed_at_exchange(before, after, spread):
            since = day.isoformat()
            line = Line(Fact.AS_EACH_OTHER, {"own": round(own, 1), "cross": round(cross, 1), "since": since})
            strength = min(0.9, 1 - cross / own)
            for mine, theirs in ((one, other), (other, one)):
                point, with_point = (area.history.points[area.customers[rows[at]]] for at in (mine, theirs))
                off = float(np.nanmean(energies[rows[mine]]) - np.nanmean(energies[rows[theirs]]))
                kwh = round(abs(off) * MONTH_DAYS, 1)
                yield Item(Kind.CROSSED, area.name, point, with_point, kwh, None, None, strength, (line,))


def _by_weekday(energies: Floats, first: int) -> tuple[Floats, Floats]:
    """(mean logarithm of a day's energy, its standard error), each (customers, 7)."""
    logs = np.log(np.maximum(energies, 0.01))
    weekday = (np.arange(energies.shape[1]) + first) % 7
    mean, error = np.empty((2, len(energies), 7))
    for at in range(7):
        own = logs[:, weekday == at]
        known = np.maximum(np.isfinite(own).sum(axis=1), 1)
        filled = np.where(np.isfinite(own), own, 0.0)
        mean[:, at] = filled.sum(axis=1) / known
        off = np.where(np.isfinite(own), own - mean[:, at : at + 1], 0.0)
        error[:, at] = np.sqrt((off**2).sum(axis=1) / known / known) + _LEAST_ERROR
    return mean, error
