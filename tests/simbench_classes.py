"""Behaviour of SimBench's labelled profiles: features of months, and a station with wrong contracts.

Source and licence: see `tests/simbench_station.py`. The 25 profiles of customers (6 homes, 15 businesses,
4 farms) are few: whoever scores holds out whole profiles. A station is drawn from them: each customer is
two profiles of one class mixed, moved in time, with noise by day and by quarter of an hour.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from cloud.analysis.classes.features import features
from cloud.analysis.classes.model import Months
from cloud.analysis.grid import DayGrid, by_wall, day_grid
from cloud.analysis.indicators.daily import daily_of
from cloud.analysis.profile.typical import typical
from cloud.customers.intake.documents import import_customers
from cloud.fleet.registry import import_registry
from cloud.insight.indicators import store as indicators
from cloud.insight.indicators.store import AreaDay
from cloud.insight.profile.tables import profile_table
from cloud.kit.bands import Band
from cloud.kit.calendar import Calendar
from cloud.kit.db import Database
from cloud.metering.vee.point_day import Channel
from tests import simbench_station

Floats = NDArray[np.float32]
LETTERS = {"H": "household", "G": "business", "L": "farm"}
CALENDAR = Calendar(country="DE")
WINDOW = 92
NOW = datetime(2016, 7, 3, 3, tzinfo=UTC)
"""The half year before it is what a station has."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Customer-months of all profiles: `months` with a profile for a group; `month` (rows,) from 1."""

    names: tuple[str, ...]
    months: Months
    month: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Planted:
    """`wrong` accounts are businesses on a household contract."""

    accounts: tuple[str, ...]
    wrong: frozenset[str]


@cache
def curves() -> tuple[tuple[str, ...], Floats, DayGrid]:
    """Names, (profiles, slots) in parts of the peak, the year's grid."""
    names = [name for name in simbench_station.profile_names() if re.fullmatch(r"(H0|G\d|L\d)-\w", name)]
    _, power = simbench_station.profiles(names)
    at_ms = round(simbench_station.START.timestamp() * 1000) + 900_000 * np.arange(simbench_station.SLOTS)
    return (
        tuple(names),
        np.stack([power[name] for name in names]),
        day_grid(at_ms, 900, simbench_station.ZONE),
    )


@cache
def experiment() -> Experiment:
    """Each profile's twelve months with what a night keeps: daily indicators, typical days of 92 days."""
    names, power, grid = curves()
    daily = _daily(power, grid)
    wall, kinds = by_wall(power, grid), _kinds(grid)
    parts = []
    for month in range(1, 13):
        places = [at for at, day in enumerate(grid.days) if day.month == month]
        work, off = _typical(wall, kinds, places[-1])
        slots = np.broadcast_to(np.diff(grid.first_slot)[places], (len(names), len(places)))
        parts.append(features(daily[:, places], kinds[places].tolist(), slots, work, off))
    label = np.array(["HGL".index(name[0]) for name in names], np.int64)
    account = np.tile(np.arange(len(names)), 12)
    months = Months(np.concatenate(parts), account, label, np.arange(len(names)), 3)
    return Experiment(names, months, np.repeat(np.arange(1, 13), len(names)))


def station(
    database: Database, wrong: int, counts: tuple[int, int, int] = (150, 60, 36), seed: int = 1
) -> Planted:
    """Households, businesses, farms over half a year, and `wrong` more shops on household contracts."""
    names, power, grid = curves()
    last = next(at for at, day in enumerate(grid.days) if day == date(2016, 7, 1))
    slots = int(grid.first_slot[last])
    random = np.random.default_rng(seed)
    letters = [*("H" * counts[0]), *("G" * counts[1]), *("L" * counts[2]), *("G" * wrong)]
    classes = [*(LETTERS[each] for each in letters[: len(letters) - wrong]), *(["household"] * wrong)]
    order = random.permutation(len(letters))
    accounts = tuple(f"{70000 + at}" for at in range(len(letters)))
    half = day_grid(
        round(simbench_station.START.timestamp() * 1000) + 900_000 * np.arange(slots),
        900,
        simbench_station.ZONE,
    )
    wh = np.stack([_drawn(names, power[:, :slots], half, letters[at], random) for at in order])
    _records(database, accounts, [classes[at] for at in order])
    _nights(database, accounts, wh, half)
    placed = {int(at): accounts[row] for row, at in enumerate(order)}
    return Planted(accounts, frozenset(placed[at] for at in range(len(letters) - wrong, len(letters))))


def _drawn(
    names: tuple[str, ...], power: Floats, grid: DayGrid, letter: str, random: np.random.Generator
) -> Floats:
    """Wh of one customer of the class."""
    own = [at for at, name in enumerate(names) if name[0] == letter]
    one, other = random.choice(own, 2)
    share = random.uniform(0.6, 1.0)
    kw = np.roll(share * power[one] + (1 - share) * power[other], int(random.integers(-3, 4)))
    level = random.lognormal(0, 0.1, len(grid.days))[grid.day]
    noise = random.lognormal(0, 0.15, len(kw))
    return np.asarray(kw * level * noise * random.uniform(2_000, 12_000) * 0.25, np.float32)


def _records(database: Database, accounts: tuple[str, ...], classes: list[str]) -> None:
    since = simbench_station.START.isoformat()
    registry = {
        "area": [{"id": f"T{at}", "name": f"示例台区 {at}", "feeder": "F1"} for at in range(4)],
        "gateway": [{"id": "gw-1", "name": "示例网关"}],
        "meter": [
            {
                "id": f"m-{no}",
                "address": f"{2016_0000_0000 + int(no):012}",
                "model": "dlt645-2007-1p",
                "area": f"T{at % 4}",
                "gateway": "gw-1",
                "line": "l1",
                "interval_s": 900,
            }
            for at, no in enumerate(accounts)
        ],
    }
    customers = {
        "customer": [{"id": f"C-{no}", "name": f"示例户 {no}"} for no in accounts],
        "account": [
            {"no": no, "customer": f"C-{no}", "address": f"示例路 {no}", "class": class_}
            for no, class_ in zip(accounts, classes, strict=True)
        ],
        "service": [{"account": no, "meter": f"m-{no}", "start": since} for no in accounts],
    }
    with database.write() as connection:
        import_registry(connection, registry)
        import_customers(connection, customers)


def _nights(database: Database, accounts: tuple[str, ...], wh: Floats, grid: DayGrid) -> None:
    """What the nights would have left: indicators of days, and the newest typical days."""
    daily = _daily(wh * np.float32(4 / 1000), grid, wh)
    kw = by_wall(wh * np.float32(4 / 1000), grid)
    kinds = _kinds(grid)
    work, off = _typical(kw, kinds, len(grid.days) - 1)
    slots = np.diff(grid.first_slot)
    made = []
    for area in range(4):
        rows = list(range(area, len(accounts), 4))
        points = tuple(f"m-{accounts[row]}" for row in rows)
        made += [
            AreaDay(
                f"T{area}",
                day,
                Channel.IMPORT,
                points,
                daily[rows, at],
                np.full(len(rows), slots[at]),
                f"{at}",
                1,
            )
            for at, day in enumerate(grid.days)
        ]
    profile = [
        {
            "point": f"m-{no}",
            "area": f"T{row % 4}",
            "month": date(2016, 6, 1),
            "version": 1,
            "at": NOW,
            "inputs": "",
            "first": grid.days[-WINDOW],
            "last": grid.days[-1],
            "valid_days": WINDOW,
            "work_day": grid.days[-1],
            "work_kw": work[row].tobytes(),
            "off_day": grid.days[-1],
            "off_kw": off[row].tobytes(),
        }
        for row, no in enumerate(accounts)
    ]
    with database.write() as connection:
        indicators.replace(connection, [], made, NOW)
        connection.execute(insert(profile_table), profile)


def _daily(power: Floats, grid: DayGrid, wh: Floats | None = None) -> Floats:
    bands = np.full(power.shape[1], Band.FLAT, np.int8)
    curve = (power * np.float32(250)) if wh is None else wh
    estimated = np.zeros(curve.shape, np.bool_)
    return daily_of(curve, grid, interval_s=900, bands=bands, estimated=estimated)


def _typical(wall: Floats, kinds: NDArray[np.str_], last: int) -> tuple[Floats, Floats]:
    """Medoids of the 92 days up to this one."""
    part = wall[:, max(0, last - WINDOW + 1) : last + 1]
    working = kinds[max(0, last - WINDOW + 1) : last + 1] == "work"
    valid = np.asarray(np.isfinite(part).all(axis=2))
    found, rows = typical(np.nan_to_num(part), valid, working), np.arange(len(part))
    return part[rows, found.work], part[rows, found.off]


def _kinds(grid: DayGrid) -> NDArray[np.str_]:
    return np.array([each.value for each in CALENDAR.day_types(grid.days)])
