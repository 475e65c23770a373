"""Remembers balances of areas and feeders, and inspections with what came of them. For operators only."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from cloud.insight.loss.rules import MACHINE, WAITING, Result, State
from cloud.insight.loss.tables import event_table, inspection_table, loss_table, search_table
from cloud.kit.moving import Moving

AREA, FEEDER = "area", "feeder"
_CHUNK = 400
INSPECTIONS = Moving(MACHINE, inspection_table, event_table)
"""Each with what was done about it: (id, inspection, at, who, event, state, note)."""


@dataclass(frozen=True, slots=True)
class AreaLoss:
    """One area's or feeder's balance of a day; kWh, None where it cannot be said (`reason` says why).

    `low_kwh` <= loss <= `high_kwh` whatever the unmeasured meters used. `rate` is in parts of supply,
    `estimated` the part of sales that was estimated, `z` of the area's own technical loss `baseline_kwh`.
    """

    kind: str
    key: str
    day: date
    feeder: str
    state: str
    reason: str
    supply_kwh: float | None
    sales_kwh: float | None
    loss_kwh: float | None
    low_kwh: float | None
    high_kwh: float | None
    rate: float | None
    points: int
    unmeasured: int
    estimated: float | None
    baseline_kwh: float | None
    z: float | None
    of_areas: int | None
    inputs: str
    version: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is worth a look on site, and why: evidence with numbers, never a verdict.

    `evidence` is a list of {"code", numbers …}, `checks` codes of what to look at; kWh are those of a month.
    """

    id: int
    kind: str
    area: str
    point: str | None
    other: str | None
    state: str
    expected_kwh: float | None
    low_kwh: float | None
    high_kwh: float | None
    strength: float
    evidence: tuple[dict[str, Any], ...]
    checks: tuple[str, ...]
    from_day: date
    to_day: date
    found_at: datetime
    changed_at: datetime
    order: str | None
    result: str | None
    result_kind: str | None
    recovered_kwh: float | None
    inspected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Precision:
    """Of what was inspected: how many were as listed, how many something else, how many nothing."""

    inspected: int
    confirmed: int
    other: int
    nothing: int
    recovered_kwh: float

    @property
    def share(self) -> float | None:
        """Found anything, of all inspected; None before the first."""
        return (self.confirmed + self.other) / self.inspected if self.inspected else None


@dataclass(frozen=True, slots=True)
class Searched:
    """`listed` are new on the list, `again` were on it, `lapsed` are not any more."""

    areas: int
    listed: int
    again: int
    lapsed: int

    def __add__(self, other: "Searched") -> "Searched":
        return Searched(
            self.areas + other.areas,
            self.listed + other.listed,
            self.again + other.again,
            self.lapsed + other.lapsed,
        )


def newest_day(connection: Connection) -> date | None:
    """The newest day with balances."""
    newest: date | None = connection.scalar(select(func.max(loss_table.c.day)))
    return newest


def areas(
    connection: Connection, day: date, *, state: str | None = None, feeder: str | None = None
) -> list[AreaLoss]:
    """The balances of a day's areas, greatest loss first, those that are not computable last."""
    return _of_day(connection, AREA, day, state, feeder)


def feeders(connection: Connection, day: date) -> list[AreaLoss]:
    """The sums of a day's areas by feeder; the line between them has no meter and is not in it."""
    return _of_day(connection, FEEDER, day, None, None)


def history(connection: Connection, kind: str, key: str, first: date, last: date) -> list[AreaLoss]:
    """One area's or feeder's balances, both days included, in order."""
    table = loss_table.c
    query = select(loss_table).where(table.kind == kind, table.key == key, table.day.between(first, last))
    return [_loss(row) for row in connection.execute(query.order_by(table.day))]


def trends(connection: Connection, first: date, last: date) -> dict[str, list[AreaLoss]]:
    """Every area's balances, both days included, in order."""
    table = loss_table.c
    query = select(loss_table).where(table.kind == AREA, table.day.between(first, last))
    found: dict[str, list[AreaLoss]] = {}
    for row in connection.execute(query.order_by(table.day)):
        found.setdefault(row.key, []).append(_loss(row))
    return found


def put(connection: Connection, found: Iterable[AreaLoss], at: datetime) -> None:
    """Save these balances in place of those of the same keys and days."""
    rows = [asdict(each) | {"at": at} for each in found]
    by_day: dict[tuple[str, date], list[str]] = {}
    for row in rows:
        by_day.setdefault((row["kind"], row["day"]), []).append(row["key"])
    table = loss_table.c
    for (kind, day), keys in by_day.items():
        for start in range(0, len(keys), _CHUNK):
            mine = table.key.in_(keys[start : start + _CHUNK])
            connection.execute(delete(loss_table).where(table.kind == kind, table.day == day, mine))
    if rows:
        connection.execute(insert(loss_table), rows)


def inspections(
    connection: Connection,
    *,
    waiting: bool = True,
    area: str | None = None,
    point: str | None = None,
    after: int | None = None,
    limit: int | None = None,
) -> list[Inspection]:
    """Those that wait by expected kWh of a month, the most first; with `waiting` false all, newest first.

    `after` is how many to leave out of the waiting ones, or the id below which to go on.
    """
    table = inspection_table.c
    query = select(inspection_table).limit(limit)
    if area is not None:
        query = query.where(table.area == area)
    if point is not None:
        query = query.where(table.point == point)
    if waiting:
        rank = (func.abs(table.expected_kwh) * table.strength).desc().nulls_last()
        query = query.where(table.state.in_(WAITING)).order_by(rank, table.id).offset(after)
    else:
        query = query.order_by(table.id.desc())
        query = query if after is None else query.where(table.id < after)
    return [_inspection(row) for row in connection.execute(query)]


def inspection(connection: Connection, id: int) -> Inspection:  # noqa: A002
    """One of them; NotFound when there is none."""
    return _inspection(INSPECTIONS.row(connection, id))


def precision(connection: Connection, last: int | None = None) -> Precision:
    """What inspections came to, of all or of the `last` so many: what the list is worth, told beside it."""
    table = inspection_table.c
    query = (
        select(table.result, table.recovered_kwh)
        .where(table.state == State.INSPECTED, table.result.is_not(None))
        .order_by(table.inspected_at.desc(), table.id.desc())
        .limit(last)
    )
    rows = connection.execute(query).all()
    count = {result: sum(row.result == result for row in rows) for result in Result}
    recovered = sum(row.recovered_kwh or 0.0 for row in rows)
    return Precision(
        len(rows), count[Result.CONFIRMED], count[Result.OTHER], count[Result.NOTHING], recovered
    )


def searched(connection: Connection) -> dict[str, date]:
    """Up to which day the history of each area was searched last."""
    table = search_table.c
    return {row.area: row.day for row in connection.execute(select(table.area, table.day))}


def note_search(
    connection: Connection, area: str, day: date, clean_days: int, outcome: str, at: datetime
) -> None:
    """Book a search; `outcome` is "searched" or "too_few_days"."""
    connection.execute(delete(search_table).where(search_table.c.area == area))
    row = {"area": area, "day": day, "clean_days": clean_days, "outcome": outcome, "at": at}
    connection.execute(insert(search_table), [row])


def searches(connection: Connection) -> Sequence[Row[Any]]:
    """(area, day, clean_days, outcome, at) of each area's last search: why a list may be empty."""
    return connection.execute(select(search_table).order_by(search_table.c.area)).all()


def of_areas(connection: Connection, keys: Collection[str]) -> list[Inspection]:
    """Every inspection there ever was of these areas, oldest first."""
    found: list[Inspection] = []
    names = sorted(keys)
    for start in range(0, len(names), _CHUNK):
        part = inspection_table.c.area.in_(names[start : start + _CHUNK])
        query = select(inspection_table).where(part).order_by(inspection_table.c.id)
        found += [_inspection(row) for row in connection.execute(query)]
    return found


def _of_day(
    connection: Connection, kind: str, day: date, state: str | None, feeder: str | None
) -> list[AreaLoss]:
    table = loss_table.c
    query = select(loss_table).where(table.kind == kind, table.day == day)
    if state is not None:
        query = query.where(table.state == state)
    if feeder is not None:
        query = query.where(table.feeder == feeder)
    rows = connection.execute(query.order_by(table.loss_kwh.desc().nulls_last(), table.key))
    return [_loss(row) for row in rows]


def _loss(row: Row[Any]) -> AreaLoss:
    return AreaLoss(**{name: value for name, value in row._mapping.items() if name != "at"})


def _inspection(row: Row[Any]) -> Inspection:
    values = dict(row._mapping)
    values["evidence"] = tuple(values["evidence"])
    values["checks"] = tuple(values["checks"])
    return Inspection(**values)
