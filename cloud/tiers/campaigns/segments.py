"""Which accounts a segment's conditions take, and how many each of them leaves out.

Reckoned over whole columns: some queries and a pass in memory for all accounts of a station.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from cloud.analysis.profile.names import WORDS
from cloud.customers.file.consents import Purpose, consented
from cloud.customers.file.contracts import contract_table
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.store import account_table, service_table
from cloud.fleet.history import point_facts
from cloud.fleet.registry import area_names
from cloud.insight.indicators.months import month_table
from cloud.kit.days import local_day
from cloud.metering.vee.point_day import Channel
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.axes import Axis, Credit, Value
from cloud.tiers.campaigns.conditions import Conditions, Range, Vocabulary
from cloud.tiers.campaigns.promotions import CLASSES
from cloud.tiers.rating.policy import TierPolicy
from cloud.tiers.rating.store import UNRATED, Standing, standings
from cloud.tiers.rating.tables import decision_table

FEWEST = 10
"""Of fewer accounts nothing but their number is said."""
LEAST_COVERAGE = 0.8
_ENERGY, _SHARES = "energy_kwh", "_share"
_AXES = {"sub": Axis.CLASS, "grade": Axis.GRADE, "need": Axis.NEED, "shape": Axis.SHAPE,
         "value": Axis.VALUE, "credit": Axis.CREDIT}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """An account that is supplied, at its points, in the areas where these are."""

    account: str
    customer: str
    class_: str
    areas: tuple[str, ...]
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """`asked` accounts were looked at; `left_out` by the first condition that did not hold, or could not be
    said ("valley_share.unknown"). `month` is that of the indicators, if any were asked."""

    members: tuple[Member, ...]
    asked: int
    left_out: Mapping[str, int]
    month: date | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What may be shown of a selection: of fewer than ten accounts only how many; smaller groups are null."""

    accounts: int
    customers: int
    asked: int
    left_out: Mapping[str, int]
    by_class: Mapping[str, int | None] | None
    by_area: Mapping[str, int | None] | None
    mean_kwh: float | None
    known_kwh: int | None
    consented: int | None
    month: date | None


def vocabulary(connection: Connection, catalogue: Catalogue, tiers: TierPolicy) -> Vocabulary:
    """The words that conditions may use at this station."""
    table = decision_table.c
    shapes = set(connection.scalars(select(table.shape).distinct())) - {None}
    documents = [each for name in catalogue.ids for each in catalogue.documents(name)]
    return Vocabulary(
        {
            "class": CLASSES,
            "sub": sorted(tiers.names()),
            "grade": [each.value for each in Grade],
            "need": [each.value for each in Need],
            "shape": sorted({*WORDS, *shapes}),
            "value": [*(each.value for each in Value), UNRATED],
            "credit": [each.value for each in Credit],
            "area": sorted(area_names(connection)),
            "tariff": sorted(catalogue.ids),
            "plan": sorted({plan.id for each in documents for plan in each.plans}),
            "consent": [each.value for each in Purpose],
        }
    )


def select_accounts(connection: Connection, asked: Conditions, at: datetime, zone: tzinfo) -> Selection:
    """The accounts for which all holds at an instant, in order of number."""
    day = local_day(at, zone)
    everybody = members(connection, at)
    alive = np.ones(len(everybody), np.bool_)
    left_out: Counter[str] = Counter()

    def keep(name: str, holds: NDArray[np.bool_]) -> None:
        lost = int((alive & ~holds).sum())
        if lost:
            left_out[name] += lost
        np.logical_and(alive, holds, out=alive)

    words = asked.words()
    stand = _standings(connection, words, day)
    for name in words:
        keep(name, _holds(connection, name, frozenset(words[name]), everybody, stand, day, at))
    month = None
    if asked.ranges:
        month = newest_whole_month(connection, day)
        rows = None if month is None else _month(connection, month, [each.indicator for each in asked.ranges])
        for each in asked.ranges:
            values = _of_accounts(rows, each.indicator, everybody)
            keep(f"{each.indicator}.unknown", ~np.isnan(values))
            keep(each.indicator, _within(values, each))
    taken = tuple(each for each, yes in zip(everybody, alive.tolist(), strict=True) if yes)
    return Selection(taken, len(everybody), dict(left_out), month)


def members(connection: Connection, at: datetime) -> list[Member]:
    """Every account that is supplied at an instant."""
    service, place = service_table.c, point_facts.c
    query = (
        select(service.account, account_table.c.customer, account_table.c["class"], place.area, service.point)
        .join(account_table, account_table.c.no == service.account)
        .join(point_facts, place.point == service.point)
        .where(service.start <= at, service.end.is_(None) | (service.end > at))
        .where(place.start <= at, place.end.is_(None) | (place.end > at), place.withdrawn_at.is_(None))
        .order_by(service.account, service.point)
    )
    found: dict[str, Member] = {}
    for account, customer, class_, area, point in connection.execute(query):
        known = found.get(account)
        points = (point,) if known is None else (*known.points, point)
        areas = (area,) if known is None else tuple(dict.fromkeys((*known.areas, area)))
        found[account] = Member(account, customer, class_, areas, points)
    return list(found.values())


def newest_whole_month(connection: Connection, day: date) -> date | None:
    """The newest month before this day's own of which there are indicators."""
    table = month_table.c
    newest: date | None = connection.scalar(
        select(func.max(table.month)).where(
            table.month < day.replace(day=1), table.channel == Channel.IMPORT.value
        )
    )
    return newest


def preview(connection: Connection, found: Selection, at: datetime, zone: tzinfo) -> Preview:
    """What is shown before anything is written: counts, and a mean of ten or more."""
    few = len(found.members) < FEWEST
    customers = {each.customer for each in found.members}
    agreed = customers & consented(connection, Purpose.OFFERS, at)
    mean, known = (None, None) if few else _mean_kwh(connection, found, local_day(at, zone))
    return Preview(
        len(found.members),
        len(customers),
        found.asked,
        found.left_out,
        None if few else _counted(each.class_ for each in found.members),
        None if few else _counted(area for each in found.members for area in each.areas),
        mean,
        known,
        None if few else len(agreed),
        found.month,
    )


def _mean_kwh(connection: Connection, found: Selection, day: date) -> tuple[float | None, int | None]:
    """Of two digits: the means of two groups that differ by one account do not tell that account's."""
    month = found.month or newest_whole_month(connection, day)
    if month is None:
        return None, None
    values = _of_accounts(_month(connection, month, []), _ENERGY, found.members)
    known = values[~np.isnan(values)]
    return (float(f"{known.mean():.2g}"), len(known)) if len(known) >= FEWEST else (None, None)


def _counted(names: Any) -> dict[str, int | None]:
    """Each group's size; null below ten, and of one more where the whole would tell what a single null is."""
    sizes = sorted(Counter(names).items())
    hidden = {name for name, count in sizes if count < FEWEST}
    if len(hidden) == 1 and len(sizes) > 1:
        hidden.add(min((count, name) for name, count in sizes if name not in hidden)[1])
    return {name: (None if name in hidden else count) for name, count in sizes}


def _holds(
    connection: Connection,
    name: str,
    words: frozenset[str],
    everybody: list[Member],
    stand: Mapping[str, Mapping[Axis, Standing]],
    day: date,
    at: datetime,
) -> NDArray[np.bool_]:
    if name == "class":
        return _mask(each.class_ in words for each in everybody)
    if name == "area":
        return _mask(not words.isdisjoint(each.areas) for each in everybody)
    if name == "consent":
        agreed = [consented(connection, Purpose(word), at) for word in sorted(words)]
        return _mask(any(each.customer in some for some in agreed) for each in everybody)
    if name in ("tariff", "plan"):
        table = contract_table.c
        query = select(table.account).where(
            table[name].in_(sorted(words)),
            table.from_day <= day,
            table.to_day.is_(None) | (table.to_day > day),
        )
        under = set(connection.scalars(query))
        return _mask(each.account in under for each in everybody)
    axis = _AXES[name]
    return _mask(_stands(stand.get(each.account, {}).get(axis), name, words) for each in everybody)


def _standings(
    connection: Connection, words: Mapping[str, Any], day: date
) -> Mapping[str, Mapping[Axis, Standing]]:
    """Where everybody stands, on the axes asked about; read once."""
    axes = {_AXES[name] for name in words if name in _AXES}
    return standings(connection, day, axis=axes, told=False) if axes else {}


def _stands(standing: Standing | None, name: str, words: frozenset[str]) -> bool:
    if standing is None:
        return False
    if name == "sub":
        return standing.sub in words
    if name == "need":
        return not words.isdisjoint(standing.value.split(","))
    if name == "shape":
        return standing.value in words or standing.value.rpartition("-")[0] in words
    return standing.value in words


def _mask(holds: Any) -> NDArray[np.bool_]:
    return np.fromiter(holds, np.bool_)


def _within(values: NDArray[np.float64], asked: Range) -> NDArray[np.bool_]:
    low = -np.inf if asked.least is None else asked.least
    high = np.inf if asked.most is None else asked.most
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = (values >= low) & (values <= high)
    return found


@dataclass(frozen=True, slots=True)
class _Month:
    """Of one month: each point's row, and by name float64 (rows,), NaN where it cannot be said."""

    place: Mapping[str, int]
    values: Mapping[str, NDArray[np.float64]]


def _month(connection: Connection, month: date, indicators: Sequence[str]) -> _Month:
    """These indicators of all points, and what every one of them is weighed by."""
    table, names = month_table.c, sorted({*indicators, _ENERGY, "coverage"})
    query = select(table.point, *(table[name] for name in names)).where(
        table.month == month, table.channel == Channel.IMPORT.value
    )
    rows = connection.execute(query).all()
    place = {row[0]: number for number, row in enumerate(rows)}
    values = np.array([row[1:] for row in rows], np.float32).reshape(len(rows), len(names)).astype(np.float64)
    return _Month(place, dict(zip(names, values.T, strict=True)))


def _of_accounts(
    rows: _Month | None, indicator: str, of: list[Member] | tuple[Member, ...]
) -> NDArray[np.float64]:
    """float64 (accounts,), NaN where it cannot be said: too little was read, or points do not add up.

    Of several points energies are added, shares weighed by energy; anything else is not of an account.
    """
    found = np.full(len(of), np.nan)
    if rows is None:
        return found
    place, energy = rows.place, rows.values[_ENERGY]
    values = rows.values[indicator].copy()
    if indicator != "coverage":
        values[~(rows.values["coverage"] >= LEAST_COVERAGE)] = np.nan
    first = np.array(
        [place.get(each.points[0], -1) if len(each.points) == 1 else -2 for each in of], np.int64
    )
    single = first >= 0
    found[single] = values[first[single]]
    for number in np.flatnonzero(first == -2):
        own = [place.get(point, -1) for point in of[number].points]
        if min(own) >= 0:
            found[number] = _together(indicator, values[own], energy[own])
    return found


def _together(indicator: str, values: NDArray[np.float64], energy: NDArray[np.float64]) -> float:
    if indicator == _ENERGY:
        return float(values.sum())
    whole = float(energy.sum())
    if indicator.endswith(_SHARES) and indicator != "estimated_share" and whole > 0:
        return float((values * energy).sum() / whole)
    if indicator == "coverage":
        return float(values.min())
    return float(values.max()) if indicator == "estimated_share" else float("nan")
