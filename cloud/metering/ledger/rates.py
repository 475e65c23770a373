"""The three collection rates: daily freeze by the hour, completeness of the curve, success on demand.

Each is shown with its denominator and with what was left out of it, by reason; without a denominator there is
no rate. Sums are of the stored totals, so a page over thirty days of a large station reads few rows.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.metering.ledger.reasons import Excluded
from cloud.metering.ledger.tables import day_table, total_table


class By(StrEnum):
    """What rates are summed over: FEEDER, AREA and GATEWAY over all days, DAY over the whole station."""

    STATION = "station"
    DAY = "day"
    FEEDER = "feeder"
    AREA = "area"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Rate:
    """`received` of `expected`; `excluded` are not in it, `pending` are not yet.

    For the freeze `late` came after the hour and is not in `received`; for the curve it is part of it.
    """

    received: int = 0
    expected: int = 0
    late: int = 0
    pending: int = 0
    excluded: Mapping[Excluded, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Between 0 and 1; None when nothing was expected."""
        return self.received / self.expected if self.expected else None

    @property
    def missing(self) -> int:
        return self.expected - self.received


@dataclass(frozen=True, slots=True)
class Collected:
    """The rates of one `key` (by `By`): "" for the station, the ISO day, or an id. `meters`: meter-days."""

    key: str
    meters: int
    silent: int
    freeze: Rate
    curve: Rate
    on_demand: Rate


def rates(
    connection: Connection,
    first: date,
    last: date,
    by: By = By.STATION,
    *,
    areas: Collection[str] | None = None,
    gateways: Collection[str] | None = None,
) -> list[Collected]:
    """Rates of the days from `first` to `last` (inclusive), in order of key; nothing for what has no row."""
    groups: dict[str, list[Row[Any]]] = {}
    for row in totals(connection, first, last, areas=areas, gateways=gateways):
        groups.setdefault(_key(row, by), []).append(row)
    return [_collected(key, rows) for key, rows in sorted(groups.items())]


def totals(
    connection: Connection,
    first: date,
    last: date,
    *,
    areas: Collection[str] | None = None,
    gateways: Collection[str] | None = None,
) -> Sequence[Row[Any]]:
    """The rows of `collection_total`, in order of day, area and gateway."""
    table = total_table.c
    query = select(total_table).where(table.day.between(first, last))
    if areas is not None:
        query = query.where(table.area.in_(sorted(areas)))
    if gateways is not None:
        query = query.where(table.gateway.in_(sorted(gateways)))
    return connection.execute(query.order_by(table.day, table.area, table.gateway)).all()


def counted_at(connection: Connection, day: date) -> datetime | None:
    """As of when a day's figures are; None when it was never counted."""
    return connection.scalar(select(day_table.c.counted_at).where(day_table.c.day == day))


def _key(row: Row[Any], by: By) -> str:
    if by is By.STATION:
        return ""
    return row.day.isoformat() if by is By.DAY else str(getattr(row, by.value))


def _collected(key: str, rows: Sequence[Row[Any]]) -> Collected:
    return Collected(
        key,
        sum(row.meters for row in rows),
        sum(row.silent for row in rows),
        Rate(
            sum(row.freeze_received for row in rows),
            sum(row.freeze_expected for row in rows),
            sum(row.freeze_late for row in rows),
            sum(row.freeze_pending for row in rows),
            _summed(row.freeze_excluded for row in rows),
        ),
        Rate(
            sum(row.received for row in rows),
            sum(row.expected for row in rows),
            sum(row.late for row in rows),
            0,
            _summed(row.excluded for row in rows),
        ),
        Rate(
            sum(row.asked_received for row in rows),
            sum(row.asked_expected for row in rows),
            0,
            sum(row.asked_pending for row in rows),
            _summed(row.asked_excluded for row in rows),
        ),
    )


def _summed(parts: Any) -> dict[Excluded, int]:
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part)
    return {reason: found[reason] for reason in Excluded if found[reason]}
