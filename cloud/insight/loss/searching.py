"""Searches the history of a feeder's areas and puts what explains their losses on the list of inspections."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.analysis.grid import by_wall
from cloud.analysis.loss import baseline, changes, topology
from cloud.analysis.loss.balance import CUSTOMER, OUTSIDE, SUPPLY, Balance, balance
from cloud.analysis.loss.evidence import Fact, Item, Kind, Line
from cloud.analysis.loss.search import Design, Explained, Options, search
from cloud.insight import curves
from cloud.insight.loss.balances import limits_of
from cloud.insight.loss.energies import History
from cloud.insight.loss.gather import BEHIND
from cloud.insight.loss.policy import LossPolicy
from cloud.kit.errors import Conflict

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
MONTH_DAYS = 30
_SPARE = 1.3
"""Not every day is clean: so many more than are needed."""
_LEAST_RISE = 0.3
"""Of what a customer uses less, the part by which the loss must have risen to be told of it."""
_SURE = 4.0
_WEEKS = 4
"""So many on each side of an exchange, or nothing is said."""
_LEAST_ERROR = 0.05
"""Of a mean logarithm: nobody's habits are steadier from month to month."""
_FIT_DAYS = 30
PARTS = 6
"""Of a day: the losses of four hours each tell customers of different habits apart."""


@dataclass(frozen=True, slots=True)
class Area:
    """An area's history with its balance: (days,) kWh; `customers` are rows of the history that draw."""

    history: History
    balance: Balance
    customers: NDArray[np.int64]
    slack: float

    @property
    def name(self) -> str:
        return self.history.area

    @property
    def clean(self) -> NDArray[np.bool_]:
        """(days,): measured on both sides, or all but so little of the supply that it may be estimated."""
        told = self.balance
        with np.errstate(invalid="ignore"):
            near = self.doubt <= self.slack * told.supply[0]
        found: NDArray[np.bool_] = told.computable[0] & np.isfinite(told.loss[0]) & near
        return found

    @property
    def doubt(self) -> Floats:
        """(days,) kWh: how far apart the bounds of the loss are."""
        found: Floats = self.balance.high[0] - self.balance.low[0]
        return found

    @property
    def energies(self) -> Floats:
        """(customers, days) kWh drawn with estimates, NaN where there is none, 0 where not there."""
        found: Floats = np.where(self.history.role >= 0, self.history.imported.value, 0.0)[self.customers]
        return found

    @property
    def loss(self) -> Floats:
        return np.where(self.clean, self.balance.loss[0], np.nan)

    @property
    def measured(self) -> Floats:
        """(customers, days) kWh drawn, NaN where not measured, 0 where not there."""
        of = self.history
        values = np.where(of.imported.measured, of.imported.value, np.nan)
        found: Floats = np.where(of.role >= 0, values, 0.0)[self.customers]
        return found

    @property
    def square(self) -> Floats:
        """(days,) kWh²: of slots where every clean day has them, else of days."""
        slots = self.history.square
        return slots if np.isfinite(slots[self.clean]).all() else self.balance.supply[0] ** 2


def area_of(history: History, policy: LossPolicy) -> Area:
    """An area's history, its balance, and who is to be looked at."""
    usual = np.where((history.role == SUPPLY).any(axis=1), SUPPLY, CUSTOMER).astype(np.int64)
    there = np.where((history.role < 0) | (history.role == BEHIND), OUTSIDE, 0).astype(np.int64)
    told = balance(there, usual, history.imported, history.exported, 1, limits_of(policy))
    drew = np.where(history.role == CUSTOMER, np.nan_to_num(history.imported.value), 0.0).sum(axis=1) > 0
    return Area(history, told, np.flatnonzero((usual == CUSTOMER) & drew), policy.search.slack)


def under_registered(
    area: Area, policy: LossPolicy, connection: Connection, folder: Path, zone: tzinfo
) -> Iterator[Item]:
    """Customers whose energies explain the loss; with the parts of days where the archive has them."""
    design = _by_parts(area, connection, folder, zone) or _by_days(area)
    own = policy.search
    options = Options(own.least_days, own.least_share, own.least_kwh_month)
    found = search(design, options)
    if found is None:
        return
    for customer in found.ranked(options, own.per_area):
        if max(found.probability[customer], found.steadiness[customer]) >= own.steadiness:
            yield _explained(area, found, customer, design.days)


def _explained(area: Area, found: Explained, customer: int, days: int) -> Item:
    kwh, low, high = (round(float(each[customer]), 1) for each in (found.kwh_month, found.low, found.high))
    lines = (
        Line(
            Fact.EXPLAINS_LOSS,
            {
                "share": round(float(found.share[customer]), 3), "kwh_month": kwh, "low": low, "high": high,
                "days": days, "fitted_kwh": round(float(found.fitted_kwh[customer]), 1),
            },
        ),
        Line(
            Fact.STEADY,
            {
                "probability": round(float(found.probability[customer]), 3),
                "halves": float(found.steadiness[customer]),
            },
        ),
        loss_line(area),
    )  # fmt: skip
    strength = float(found.probability[customer] * (0.5 + 0.5 * found.steadiness[customer]))
    point = area.history.points[area.customers[customer]]
    return Item(Kind.UNDER_REGISTERED, area.name, point, None, kwh, low, high, strength, lines)


def loss_line(area: Area) -> Line:
    """What the area lost over its clean days, for whoever reads the other numbers."""
    days = int(area.clean.sum())
    lost = float(np.nansum(area.loss))
    supplied = float(area.balance.supply[0][area.clean].sum())
    month = None if not days else round(lost / days * MONTH_DAYS, 1)
    rate = None if not supplied else round(lost / supplied, 4)
    return Line(Fact.AREA_LOSS, {"rate": rate, "kwh_month": month, "days": days})


def _by_days(area: Area) -> Design:
    days = np.flatnonzero(area.clean)
    supply = area.balance.supply[0][days]
    return Design(
        area.energies[:, days].T, area.loss[days], supply, area.square[days], days, area.doubt[days]
    )


def _by_parts(area: Area, connection: Connection, folder: Path, zone: tzinfo) -> Design | None:
    """Each clean day in parts; None where the archive lacks a slot of it for too many days, or is damaged."""
    of = area.history
    meters = np.flatnonzero((of.role == SUPPLY).any(axis=1))
    names = [of.points[at] for at in (*area.customers, *meters)]
    asked = curves.source(connection, folder, of.days[0], of.days[-1], zone=zone, areas=[area.name])
    if not asked.final or not len(meters):
        return None
    try:
        drawn = curves.read(asked, names)
    except Conflict as error:
        log.warning("%s is searched by whole days: %s", area.name, error)
        return None
    kwh = np.ascontiguousarray(by_wall(drawn.wh, drawn.grid)).astype(np.float64) / 1000
    plain = np.diff(drawn.grid.first_slot) == drawn.grid.labels
    feeds = (of.exported.value != 0) & (of.role >= 0)
    days = np.flatnonzero(area.clean & plain & ~feeds.any(axis=0) & np.isfinite(kwh).all(axis=(0, 2)))
    if len(days) < max(0.8 * area.clean.sum(), 1):
        return None
    kwh = kwh[:, days].reshape(len(names), len(days), PARTS, -1)
    supplied = kwh[len(area.customers) :].sum(axis=0)
    supply = supplied.sum(axis=2).ravel()
    energies = kwh[: len(area.customers)].sum(axis=3).reshape(len(area.customers), -1).T
    square = (supplied**2).sum(axis=2).ravel()
    used = supply > 0
    loss = supply - energies.sum(axis=1)
    doubt = np.repeat(area.doubt[days] / PARTS, PARTS)[used]
    return Design(energies[used], loss[used], supply[used], square[used], np.repeat(days, PARTS)[used], doubt)


def fallen(area: Area, policy: LossPolicy) -> Iterator[Item]:
    """Customers whose use fell while that of the others did not."""
    own = policy.break_
    energies = area.measured
    if not len(energies):
        return
    found = changes.falls(
        energies,
        _beyond_technical(area),
        least_days=own.least_days,
        fall=own.fall,
        peers_fall=own.peers_fall,
        significance=own.significance,
    )
    for customer in np.flatnonzero(found.at >= 0):
        kwh = round(float(found.kwh_day[customer]) * MONTH_DAYS, 1)
        if kwh < policy.search.least_kwh_month:
            continue
        rise, error = float(found.loss_rise[customer]), float(found.rise_error[customer])
        part = rise / float(found.kwh_day[customer])
        explained = min(part, 1.0) if _LEAST_RISE <= part <= 2 and rise > _SURE * error else 0.0
        since = area.history.days[int(found.at[customer])].isoformat()
        lines = [
            Line(
                Fact.FELL,
                {
                    "fall": round(float(found.fall[customer]), 3),
                    "peers_fall": round(float(found.peers_fall[customer]), 3),
                    "kwh_day": round(float(found.kwh_day[customer]), 2),
                    "since": since,
                    "p": float(f"{float(found.p[customer]):.2g}"),
                },
            )
        ]
        if explained:
            lines.append(Line(Fact.LOSS_ROSE, {"kwh_day": round(rise, 2), "since": since}))
        point = area.history.points[area.customers[customer]]
        month = round(kwh * explained, 1)
        yield Item(Kind.FALLEN, area.name, point, None, month, 0.0, kwh, 0.1 + 0.5 * explained, tuple(lines))


def _beyond_technical(area: Area) -> Floats:
    """(days,) kWh: the loss without the part that goes with the supply."""
    supply, square = area.balance.supply[0][None], area.square[None]
    fitted = baseline.fit(area.loss[None], square, supply, area.clean[None], _FIT_DAYS)
    per_square = np.nan_to_num(fitted.per_square[0])
    found: Floats = area.loss - per_square * area.square
    return found


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
    line = _ratio_line(found, float(group.ratio[found.customer]))
    return Item(
        Kind.WRONG_RATIO, area.name, point, None, round(month, 1), round(month - spread, 1),
        round(month + spread, 1), 0.9, (line, loss_line(area)),
    )  # fmt: skip


def _ratio_line(found: topology.WrongRatio, ratio: float) -> Line:
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


def of_area_itself(area: Area, explained_kwh: float, policy: LossPolicy) -> Iterator[Item]:
    """A loss that nobody's energies explain: the area meter's K, unmetered supply, or a missing customer."""
    days = area.clean
    if days.sum() < policy.search.least_days // 2:
        return
    meters = np.flatnonzero((area.history.role == SUPPLY).any(axis=1))
    supply, sales = area.balance.supply[0], area.balance.sales[0]
    month = float(np.nanmean(area.loss)) * MONTH_DAYS
    ratio = float(area.history.ratio[meters[0]])
    found = topology.area_ratio(supply, sales, days, ratio, policy.ratio.steps)
    if found is not None:
        line = _ratio_line(found, ratio)
        yield Item(Kind.AREA_RATIO, area.name, None, None, round(month, 1), None, None, 0.8,
                   (line, loss_line(area)))  # fmt: skip
        return
    rate = float(np.nansum(area.loss) / supply[days].sum())
    low, high = (round(float(each) * MONTH_DAYS, 1) for each in np.nanquantile(area.loss, (0.1, 0.9)))
    rest = month - explained_kwh
    if rate > policy.limits.high_rate and rest > 0.5 * month:
        yield Item(Kind.AREA_HIGH, area.name, None, None, round(rest, 1), low, high, 0.5, (loss_line(area),))
    elif rate < -policy.limits.negative_rate:
        yield Item(
            Kind.AREA_NEGATIVE, area.name, None, None, round(month, 1), low, high, 0.5, (loss_line(area),)
        )


def window(history_days: int, seen: Sequence[date], day: date, least_days: int) -> date:
    """The first day of evidence: after the area's last inspection where enough days have passed since."""
    first = day - timedelta(days=history_days - 1)
    enough = round(_SPARE * least_days)
    if seen and (after := max(seen) + timedelta(days=1)) > first and (day - after).days + 1 >= enough:
        return after
    return first
