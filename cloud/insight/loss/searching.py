"""Searches the history of a feeder's areas and puts what explains their losses on the list of inspections."""

import logging
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from cloud.analysis.grid import by_wall
from cloud.analysis.loss import baseline, changes, topology
from cloud.analysis.loss.balance import SUPPLY
from cloud.analysis.loss.evidence import Fact, Item, Kind, Line
from cloud.analysis.loss.search import Design, Explained, Options, search
from cloud.insight import curves
from cloud.insight.loss.area_history import MONTH_DAYS, Area, Floats, loss_line
from cloud.insight.loss.misplaced import ratio_line
from cloud.insight.loss.policy import LossPolicy
from cloud.kit.errors import Conflict

log = logging.getLogger(__name__)

_LEAST_RISE = 0.3
"""Of what a customer uses less, the part by which the loss must have risen to be told of it."""
_SURE = 4.0
_FIT_DAYS = 30
PARTS = 6
"""Of a day: the losses of four hours each tell customers of different habits apart."""


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
        line = ratio_line(found, ratio)
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
