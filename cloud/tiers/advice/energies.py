"""Which stored energies are whose: an account's months out of the rows of the points that served it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import cache
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from cloud.customers.store import service_table
from cloud.insight.energies.plans import Wanted, key_of, plans_of
from cloud.insight.energies.store import BANDS, FLAT, HEAD, Block
from cloud.insight.pricing import NAMES, part_of
from cloud.kit.days import DAY, local_day, midnight
from cloud.metering.archive.layout import month_of
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.usage import Part
from cloud.tiers.advice.by_plan import ByPlan, millionths_of
from cloud.tiers.advice.rules import Demand, MonthUse

_KW = Decimal("0.0001")
_KVARH = Decimal("0.001")


class Served(NamedTuple):
    """A point served an account on these whole local days, both included; `last` None: it still does."""

    point: str
    first: date
    last: date | None


class Row(NamedTuple):
    """One stored span of a point; `head` is its whole row: `store.HEAD`, then the energies."""

    point: str
    block: Block
    head: list[float]


def services(
    connection: Connection, zone: tzinfo, accounts: Sequence[str] | None = None
) -> dict[str, list[Served]]:
    """By account, every point that ever served it, in order of time."""
    table = service_table.c
    query = select(table.account, table.point, table.start, table.end).order_by(table.account, table.start)
    if accounts is not None:
        query = query.where(table.account.in_(sorted(accounts)))
    found: dict[str, list[Served]] = {}
    for account, point, start, end in connection.execute(query):
        first = _first_whole(start, zone)
        last = None if end is None else local_day(end, zone) - DAY
        if last is None or first <= last:
            found.setdefault(account, []).append(Served(point, first, last))
    return found


def wanted(served: Mapping[str, Sequence[Served]], tariffs: frozenset[str], since: date) -> Wanted:
    """What the archive is to be added up by; changes before `since` cut nothing that is kept."""
    cuts: dict[str, set[date]] = {}
    for each in (one for found in served.values() for one in found):
        for day in (each.first, None if each.last is None else each.last + DAY):
            if day is not None and day > since:
                cuts.setdefault(each.point, set()).add(day)
    return Wanted(tariffs, {point: frozenset(days) for point, days in cuts.items()})


@dataclass(slots=True)
class Rows:
    """Stored rows by point and month, and which plan is kept under which key."""

    catalogue: Catalogue
    of_point: dict[str, list[tuple[Block, int]]]
    keys: dict[tuple[str, date, str, date], dict[str, str]]
    places: dict[tuple[str, date, str, date], dict[str, int]]
    spans: dict[tuple[float, float], tuple[date, date, bool]]
    whole: dict[date, date] = field(default_factory=dict)

    def span(self, first: float, last: float) -> tuple[date, date, bool]:
        """The days of these ordinals, and whether they are a whole month."""
        known = self.spans.get((first, last))
        if known is None:
            low, high = date.fromordinal(int(first)), date.fromordinal(int(last))
            known = (low, high, (low, high) == month_of(low))
            self.spans[first, last] = known
        return known

    def plans(self, tariff: str, block: Block, last: date) -> dict[str, str]:
        """By plan of the tariff the key under which this month has it."""
        known = (tariff, block.month, block.area, last)
        if known not in self.keys:
            found = {}
            for plan in plans_of(self.catalogue, tariff, block.month, last):
                key = key_of(self.catalogue, tariff, plan, block.month, last)
                if key is not None and key in block.plans:
                    found[plan] = key
            self.keys[known] = found
            self.places[known] = {
                plan: len(HEAD) + BANDS * block.plans.index(key) for plan, key in found.items()
            }
        return self.keys[known]

    def at(self, tariff: str, block: Block, last: date) -> dict[str, int]:
        """By plan of the tariff the place of its energies in a row of this month."""
        known = (tariff, block.month, block.area, last)
        if known not in self.places:
            self.plans(tariff, block, last)
        return self.places[known]

    def banded(self, tariff: str, block: Block, plan: str) -> int | None:
        """The place of a plan's energies of a whole month, where it has bands."""
        last = self.whole.get(block.month)
        if last is None:
            last = self.whole[block.month] = month_of(block.month)[1]
        found = self.at(tariff, block, last).get(plan)
        return None if found is None or self.plans(tariff, block, last)[plan] == FLAT else found


def rows_of(catalogue: Catalogue, blocks: Iterator[Block]) -> Rows:
    """Of blocks in order of month."""
    of_point: dict[str, list[tuple[Block, int]]] = {}
    for block in blocks:
        for at, point in enumerate(block.points):
            found = of_point.get(point)
            if found is None:
                found = of_point[point] = []
            found.append((block, at))
    return Rows(catalogue, of_point, {}, {}, {})


def months_of(rows: Rows, tariff: str, served: Sequence[Served], *, demands: bool) -> list[MonthUse]:
    """Every month of which something is stored while it was served, oldest first."""
    of_month: dict[date, list[Row]] = {}
    for each in served:
        first, last = each.first.toordinal(), each.last.toordinal() if each.last else 10**9
        for block, at in rows.of_point.get(each.point, ()):
            head = block.content[at].tolist()
            if first <= head[0] and head[1] <= last:
                of_month.setdefault(block.month, []).append(Row(each.point, block, head))
    return [_month(rows, tariff, month, found, demands) for month, found in sorted(of_month.items())]


class One(ByPlan):
    """A month that is one stored row: its part by plan, made exact when it is asked for."""

    __slots__ = ("_at", "_head", "_made", "_whole")

    def __init__(self, head: list[float], at: Mapping[str, int]) -> None:
        self._head, self._at = head, at
        self._made: dict[str, tuple[Part, ...]] = {}
        self._whole: dict[str, Mapping[str, int]] = {}

    def __getitem__(self, plan: str) -> tuple[Part, ...]:
        if plan not in self._made:
            self._made[plan] = (_part(int(self._head[0]), int(self._head[1]), self._kwh(plan)),)
        return self._made[plan]

    def __contains__(self, plan: object) -> bool:
        return plan in self._at

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)

    def about(self, plan: str) -> Sequence[tuple[date, Sequence[float]]]:
        return [(_day(self._head[0]), self._kwh(plan))]

    def about_kwh(self, plan: str) -> float:
        at = self._at.get(plan)
        return 0.0 if at is None else sum(self._head[at : at + BANDS])

    def one(self, plan: str) -> list[float]:
        return self._kwh(plan)

    def millionths(self, plan: str) -> Mapping[str, int]:
        if plan not in self._whole:
            kwh = zip(NAMES, self._kwh(plan), strict=True)
            self._whole[plan] = {name: millionths_of(value) for name, value in kwh if value} or {"flat": 0}
        return self._whole[plan]

    def _kwh(self, plan: str) -> list[float]:
        at = self._at[plan]
        return self._head[at : at + BANDS]


class Stored(ByPlan):
    """A month of several rows: its parts by plan, made exact when they are asked for."""

    __slots__ = ("_keys", "_made", "_rows")

    def __init__(self, rows: Sequence[Row], keys: Mapping[str, str]) -> None:
        self._rows, self._keys = rows, keys
        self._made: dict[str, tuple[Part, ...]] = {}

    def __getitem__(self, plan: str) -> tuple[Part, ...]:
        if plan not in self._made:
            self._made[plan] = self._parts(self._keys[plan])
        return self._made[plan]

    def __contains__(self, plan: object) -> bool:
        return plan in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def about(self, plan: str) -> Sequence[tuple[date, Sequence[float]]]:
        key = self._keys[plan]
        return [(_day(row.head[0]), _kwh(row, key)) for row in self._rows]

    def about_kwh(self, plan: str) -> float:
        return sum(sum(kwh) for _, kwh in self.about(plan)) if plan in self._keys else 0.0

    def one(self, plan: str) -> None:
        if plan not in self._keys:
            raise KeyError(plan)

    def millionths(self, plan: str) -> None:
        return self.one(plan)

    def _parts(self, key: str) -> tuple[Part, ...]:
        spans: dict[tuple[int, int], np.ndarray] = {}
        for row in self._rows:
            span = (int(row.head[0]), int(row.head[1]))
            kwh = np.array(_kwh(row, key))
            spans[span] = spans[span] + kwh if span in spans else kwh
        return tuple(_part(*span, kwh.tolist()) for span, kwh in sorted(_apart(spans).items()))


@cache
def _day(ordinal: float) -> date:
    """The same date each time, which knows its hash."""
    return date.fromordinal(int(ordinal))


def _kwh(row: Row, key: str) -> list[float]:
    at = len(HEAD) + BANDS * row.block.plans.index(key)
    return row.head[at : at + BANDS]


def _part(first: int, last: int, kwh: Sequence[float]) -> Part:
    return part_of(date.fromordinal(first), date.fromordinal(last), kwh)


def _apart(spans: dict[tuple[int, int], np.ndarray]) -> dict[tuple[int, int], np.ndarray]:
    """Spans that overlap, of points that were cut differently, are one."""
    found: list[tuple[int, int, np.ndarray]] = []
    for (first, last), kwh in sorted(spans.items(), key=lambda each: each[0]):
        if found and first <= found[-1][1]:
            low, high, before = found[-1]
            found[-1] = (low, max(high, last), before + kwh)
        else:
            found.append((first, last, kwh))
    return {(low, high): kwh for low, high, kwh in found}


def _month(rows: Rows, tariff: str, month: date, found: Sequence[Row], demands: bool) -> MonthUse:
    if len(found) == 1:
        row = found[0]
        head = row.head
        first, last, whole = rows.span(head[0], head[1])
        return MonthUse(
            month,
            first,
            last,
            whole,
            One(head, rows.at(tariff, row.block, last)),
            head[3] / head[2] if head[2] else 0.0,
            head[4] / head[2] if head[2] else 0.0,
            _demand((head,)) if demands else None,
            _kvarh((head,), 8) if demands else None,
            _kvarh((head,), 9) if demands else None,
        )
    heads = [row.head for row in found]
    first = date.fromordinal(int(min(head[0] for head in heads)))
    last = date.fromordinal(int(max(head[1] for head in heads)))
    keys = rows.plans(tariff, found[0].block, last)
    slots, known, guessed = _slots(found)
    return MonthUse(
        month,
        first,
        last,
        first == month and last == month_of(month)[1] and _unbroken(heads),
        Stored(found, keys),
        known / slots if slots else 0.0,
        guessed / slots if slots else 0.0,
        _demand(heads) if demands else None,
        _kvarh(heads, 8) if demands else None,
        _kvarh(heads, 9) if demands else None,
    )


def _slots(found: Sequence[Row]) -> tuple[float, float, float]:
    """Slots there are, known ones, estimated ones; a point that moved has one span in two areas."""
    spans: dict[tuple[str, float], float] = {}
    for row in found:
        spans[row.point, row.head[0]] = max(spans.get((row.point, row.head[0]), 0.0), row.head[2])
    heads = [row.head for row in found]
    return sum(spans.values()), sum(head[3] for head in heads), sum(head[4] for head in heads)


def _unbroken(heads: Sequence[Sequence[float]]) -> bool:
    until = 0.0
    for head in sorted(heads, key=lambda each: each[0]):
        if until and head[0] > until + 1:
            return False
        until = max(until, head[1])
    return True


def _demand(heads: Sequence[Sequence[float]]) -> Demand | None:
    """The highest of all, never a sum; NaN is no number."""
    known = [head for head in heads if head[5] == head[5]]
    if not known:
        return None
    most = max(known, key=lambda head: head[5])
    kw = Decimal(most[5]).quantize(_KW)
    return Demand(kw, datetime.fromtimestamp(most[6] / 1000, UTC), measured=bool(most[7]))


def _kvarh(heads: Sequence[Sequence[float]], column: int) -> Decimal | None:
    values = [head[column] for head in heads]
    if any(value != value for value in values):
        return None
    return Decimal(sum(values)).quantize(_KVARH)


def _first_whole(start: datetime, zone: tzinfo) -> date:
    day = local_day(start, zone)
    return day if midnight(day, zone) >= start else day + DAY
