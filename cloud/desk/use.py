"""What an account used by month and band, and the shape of its days; only of time that was wholly its own.

Never the hours: a curve shows who is at home.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.customers.store import service_table
from cloud.insight.indicators.months import COLUMNS, month_table
from cloud.insight.profile import store as profiles
from cloud.kit.days import midnight
from cloud.metering.vee.point_day import Channel

BANDS = ("sharp", "peak", "flat", "valley", "deep_valley")
PROVISIONAL_DAYS = 60
LEAST_COVERAGE, MOST_ESTIMATED = 0.95, 0.10
_NOT_INDICATORS = {"energy_kwh", "coverage", "estimated_share", "valid_days", *(f"{b}_share" for b in BANDS)}


@dataclass(frozen=True, slots=True)
class MonthUse:
    """One point's month. `kwh_by_band` and `kwh` null: not known; `days` of how many it was reckoned.

    `provisional`: below 95 % read or above 10 % estimated. `indicators`: load factor, shares, maxima: as
    `insight.indicators.months`, null where it cannot be said.
    """

    month: date
    point: str
    kwh: float | None
    kwh_by_band: dict[str, float] | None
    days: int
    coverage: float | None
    estimated_share: float | None
    provisional: bool
    indicators: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class ShapeOf:
    """The shape group of one point's days: its name's key; `share` of its days, `since` without a break."""

    point: str
    name: str | None
    number: int | None
    share: float | None
    since: date | None
    days: int
    provisional: bool


@dataclass(frozen=True, slots=True)
class Stay:
    """An account at a point, from `start` up to and without `end`."""

    point: str
    start: datetime
    end: datetime | None

    def holds(self, first: date, last: date, zone: tzinfo) -> bool:
        """Whether it was there from the first day to the last, both whole."""
        ends = midnight(last + timedelta(days=1), zone)
        return self.start <= midnight(first, zone) and (self.end is None or self.end >= ends)


def stays(connection: Connection, account: str) -> list[Stay]:
    """Every stay, oldest first."""
    table = service_table.c
    query = select(table.point, table.start, table.end).where(table.account == account)
    return [Stay(*row) for row in connection.execute(query.order_by(table.start, table.point))]


def months(
    connection: Connection, stayed: Sequence[Stay], since: date, today: date, zone: tzinfo
) -> list[MonthUse]:
    """The months from `since` on in which the account was there all the time, newest first."""
    table = month_table.c
    query = select(month_table).where(
        table.point.in_(sorted({each.point for each in stayed})),
        table.channel == Channel.IMPORT.value,
        table.month >= since,
    )
    return [
        _month(row)
        for row in connection.execute(query.order_by(table.month.desc(), table.point))
        if _its_own(row, stayed, today, zone)
    ]


def _its_own(row: Row[Any], stayed: Sequence[Stay], today: date, zone: tzinfo) -> bool:
    end = (row.month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    last = min(end, today)
    return any(each.point == row.point and each.holds(row.month, last, zone) for each in stayed)


def _month(row: Row[Any]) -> MonthUse:
    values = row._mapping
    shares = {band: values[f"{band}_share"] for band in BANDS}
    kwh = values["energy_kwh"]
    known = kwh is not None and all(share is not None for share in shares.values())
    by_band = {band: kwh * share for band, share in shares.items() if share} if known else None
    coverage, estimated = values["coverage"], values["estimated_share"]
    poor = coverage is None or coverage < LEAST_COVERAGE or (estimated or 0.0) > MOST_ESTIMATED
    rest = {name: values[name] for name in COLUMNS if name not in _NOT_INDICATORS}
    return MonthUse(
        values["month"],
        values["point"],
        kwh,
        by_band,
        values["days"],
        coverage,
        estimated,
        poor,
        rest,
    )


def shapes(connection: Connection, stayed: Sequence[Stay], zone: tzinfo) -> list[ShapeOf]:
    """Of each point whose profile is of time that was all the account's."""
    found = []
    for point in sorted({each.point for each in stayed}):
        seen = profiles.profile(connection, point, provisional_days=PROVISIONAL_DAYS)
        mine = [each for each in stayed if each.point == point]
        if seen is None or not any(each.holds(seen.first, seen.last, zone) for each in mine):
            continue
        group = seen.group
        name = group.name if group else None
        found.append(
            ShapeOf(
                point,
                None if name is None else name.key,
                None if name is None else name.number,
                None if group is None else group.share,
                seen.since,
                seen.valid_days,
                seen.provisional,
            )
        )
    return found
