"""Takes the values out of a table, meter by meter, with their labels as written; a wrong cell is named."""

import math
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from cloud.exchange import daylight, figures, headings, moments
from cloud.exchange.figures import Mark
from cloud.exchange.headings import Role, Unit
from cloud.exchange.layout import Layout, Place, Shape
from cloud.exchange.moments import DAY_S, Moment, Order
from cloud.exchange.said import Said
from cloud.exchange.sheets import Sheet
from cloud.kit.errors import Invalid
from cloud.metering.vee.days import Channel

PROOF = 20_000
TOLD_EVERY = 1000
"""So many cells are looked at to learn how numbers and dates are written."""
TOTALS = ("total", "sum", "summe", "合计", "总计", "小计", "平均", "average", "mean", "max", "min")
_EMPTY = "mend it, or leave it empty where nothing was measured"
Key = tuple[str, Channel]


class Column(Protocol):
    """One meter's and channel's values in the file's order: buffers of int64 and float64."""

    @property
    def labels(self) -> Any: ...
    @property
    def values(self) -> Any: ...


@dataclass(slots=True)
class Collected:
    """Of one meter and channel, in the file's order: labels in s, values in Wh, varh, W or as they are."""

    labels: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Found:
    """Everything in the table, and what was learned on the way; `zone_name` as Parquet has it."""

    mark: Mark
    order: Order | None
    series: dict[Key, Column] = field(default_factory=dict)
    units: set[Unit | None] = field(default_factory=set)
    absolute: bool | None = None
    offsets_s: set[int] = field(default_factory=set)
    zone_name: str | None = None
    has_24: bool = False
    ranges_s: set[int] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)


def collected(
    sheet: Sheet, layout: Layout, said: Said, tick: Callable[[int], object] = lambda _: None
) -> Found:
    """Invalid names the line of the first cell that is none. `tick` is told of rows as they go by."""
    mark = said.decimal or mark_of(sheet, layout)
    order = said.dates or order_of(sheet, layout)
    return _Collecting(sheet, layout, said, Found(mark, order)).all(tick)


def lines_of(sheet: Sheet, layout: Layout, said: Said, found: Found, key: Key, label: int) -> list[int]:
    """Where a meter's value of a label stands: looked up again, so that it costs only what is refused."""
    return _Collecting(sheet, layout, said, Found(found.mark, found.order)).lines_of(key, label)


def mark_of(sheet: Sheet, layout: Layout) -> Mark:
    """How tenths are written; Invalid where the numbers do not tell."""
    cells = (
        cells[place.index]
        for _, cells in _body(sheet, layout)
        for place in layout.places
        if place.index < len(cells)
    )
    mark, is_open = figures.decimal_of(islice(cells, PROOF))
    if mark is not None:
        return mark
    why = "some numbers have a comma before three digits, and nothing tells tenths from thousands"
    raise Invalid(
        f"{sheet.path}: {why}: say --decimal comma or point" if is_open else f"{sheet.path}: no numbers"
    )


def order_of(sheet: Sheet, layout: Layout) -> Order | None:
    """Whether the day or the month is first; Invalid where the dates do not tell."""
    at = next(layout.columns[role] for role in (Role.TIME, Role.START, Role.END) if role in layout.columns)
    texts = [cells[at] for _, cells in islice(_body(sheet, layout), PROOF) if at < len(cells)]
    proved = moments.order_of(texts)
    if proved is None and any(map(moments.is_ambiguous, texts)):
        raise Invalid(f"{sheet.path}: {texts[0]!r}: is the day first, or the month? Say --dates dmy or mdy")
    return proved


def _body(sheet: Sheet, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    return ((line, cells) for line, cells in sheet.rows() if line >= layout.first_row)


class _Collecting:
    def __init__(self, sheet: Sheet, layout: Layout, said: Said, found: Found) -> None:
        self._sheet, self._layout, self._said, self._found = sheet, layout, said, found
        self._step_s = DAY_S // layout.per_day if layout.per_day else 0
        self._own: dict[Key, Collected] = {}
        self._meters: list[tuple[Place, Collected]] = []  # of a table with a column for each

    def all(self, tick: Callable[[int], object]) -> Found:
        take: Callable[[int, list[str]], None] = {
            Shape.WIDE: self._wide,
            Shape.LONG: self._long,
            Shape.COLUMNS: self._many,
        }[self._layout.shape]
        for count, (line, cells) in enumerate(_body(self._sheet, self._layout), 1):
            if not self._is_total(cells):
                take(line, cells)
            if count % TOLD_EVERY == 0:
                tick(TOLD_EVERY)
        return self._found

    def lines_of(self, key: Key, label: int, most: int = 2) -> list[int]:
        """In which lines this meter has a value of this label, the first few of them."""
        found: list[int] = []
        for line, cells in _body(self._sheet, self._layout):
            if len(found) == most:
                break
            if self._is_total(cells) or self._whose(cells) not in {key[0], ""}:
                continue
            if self._layout.shape is Shape.WIDE:
                day = self._moment(line, cells, Role.TIME).seconds
                if 0 <= label - day <= DAY_S:
                    found.append(line)
            elif self._label(line, cells) == label:
                found.append(line)
        return found

    def _whose(self, cells: list[str]) -> str:
        role = Role.METER if Role.METER in self._layout.columns else Role.POINT
        return self._cell(cells, role) if role in self._layout.columns else ""

    def _wide(self, line: int, cells: list[str]) -> None:
        day = self._moment(line, cells, Role.TIME)
        if day.absolute:
            raise self._wrong(line, "the date of a day has no offset from UTC")
        midnight = day.seconds - day.seconds % DAY_S
        values = [self._figure(line, cells, place) for place in self._layout.places]
        labels = self._labels(midnight, values)
        into = self._into(line, cells, self._layout.places[0])
        for label, value in zip(labels, values, strict=True):
            if label is not None:
                into.labels.append(label)
                into.values.append(value)

    def _labels(self, midnight: int, values: list[float]) -> list[int | None]:
        places = self._layout.places
        if not self._layout.is_numbered:
            last = places[-1].begin_s == 0 and places[0].begin_s != 0
            ends = [place.begin_s or 0 for place in places]
            if last:
                ends[-1] = DAY_S
            return [midnight + each for each in ends]
        passed = self._passed(midnight)
        given = max((number + 1 for number, value in enumerate(values) if not math.isnan(value)), default=0)
        ordinary = self._layout.per_day or len(places)
        by_clock = len(places) == ordinary and (
            len(passed) == ordinary or given > len(passed) or len(passed) > ordinary
        )
        if by_clock:
            return [midnight + number * self._step_s for number in range(len(places))]
        return [passed[number] if number < len(passed) else None for number in range(len(places))]

    def _passed(self, midnight: int) -> list[int]:
        """Wall-clock labels of the day's intervals as time passed: 92, 96 or 100 of them."""
        zone, day = self._said.zone, moments.wall(midnight).date()
        if not daylight.changes(zone, day, day):
            return list(range(midnight, midnight + DAY_S, self._step_s))
        first, second = (
            datetime(each.year, each.month, each.day, tzinfo=zone).astimezone(UTC)
            for each in (day, day + timedelta(days=1))
        )
        count = round((second - first).total_seconds()) // self._step_s
        times = (first + timedelta(seconds=number * self._step_s) for number in range(count))
        return [round(at.astimezone(zone).replace(tzinfo=UTC).timestamp()) for at in times]

    def _long(self, line: int, cells: list[str]) -> None:
        label = self._label(line, cells)
        places = self._layout.places
        filled = next(
            (place for place in places if place.index < len(cells) and cells[place.index]), places[0]
        )
        value = self._figure(line, cells, filled)
        into = self._into(line, cells, filled)
        into.labels.append(label)
        into.values.append(value)

    def _many(self, line: int, cells: list[str]) -> None:
        label = self._label(line, cells)
        if not self._meters:
            self._meters = [
                (place, self._series(place.name, self._channel(line, cells, place)))
                for place in self._layout.places
            ]
        for place, into in self._meters:
            into.labels.append(label)
            into.values.append(self._figure(line, cells, place))

    def _label(self, line: int, cells: list[str]) -> int:
        columns = self._layout.columns
        if Role.START in columns:
            begin = self._moment(line, cells, Role.START)
            if Role.END in columns:
                end = self._moment(line, cells, Role.END)
                self._found.ranges_s.add(end.seconds - begin.seconds)
            return begin.seconds
        return self._moment(line, cells, Role.END if Role.END in columns else Role.TIME).seconds

    def _moment(self, line: int, cells: list[str], role: Role) -> Moment:
        text, at = self._cell(cells, role), self._layout.columns[role]
        if role is Role.TIME and Role.CLOCK in self._layout.columns:
            text = f"{text.partition(' ')[0]} {self._cell(cells, Role.CLOCK)}"
        found = moments.moment(text, self._found.order)
        if found is None:
            raise self._wrong(
                line,
                f"{text[:40]!r} is no date and time: write it as 2026-03-01 00:15"
                if text
                else "there is no date",
                at,
            )
        if found.has_clock:
            if self._found.absolute is not None and self._found.absolute != found.absolute:
                raise self._wrong(
                    line, "some times have an offset from UTC and others have none: mend it", at
                )
            self._found.absolute = found.absolute
            if found.offset_s is not None:
                self._found.offsets_s.add(found.offset_s)
        self._found.has_24 = self._found.has_24 or found.is_24
        return found

    def _figure(self, line: int, cells: list[str], place: Place) -> float:
        text = cells[place.index] if place.index < len(cells) else ""
        value = figures.figure(text, self._found.mark)
        if value is None:
            raise self._wrong(
                line, f"{text[:40]!r} is no number with a decimal {self._found.mark}: {_EMPTY}", place
            )
        if math.isnan(value):
            return value
        unit = self._unit(cells, place)
        self._found.units.add(unit)
        return value if unit is None else value * unit.factor

    def _unit(self, cells: list[str], place: Place) -> Unit | None:
        if self._said.unit is not None:
            return self._said.unit
        own = headings.unit_of(self._cell(cells, Role.UNIT)) if Role.UNIT in self._layout.columns else None
        return own or place.unit or self._layout.unit

    def _into(self, line: int, cells: list[str], place: Place) -> Collected:
        columns = self._layout.columns
        role = Role.METER if Role.METER in columns else Role.POINT
        name = self._cell(cells, role) if role in columns else ""
        if role in columns and not name:
            raise self._wrong(line, "it names no meter")
        return self._series(name or self._said.meter or "", self._channel(line, cells, place))

    def _channel(self, line: int, cells: list[str], place: Place) -> Channel:
        text = self._cell(cells, Role.QUANTITY) if Role.QUANTITY in self._layout.columns else ""
        if text:
            try:
                return Channel(text.lower())
            except ValueError:
                raise self._wrong(line, f"{text[:40]!r} is none of {', '.join(Channel)}") from None
        unit = self._unit(cells, place)
        return Channel.REACTIVE_IMPORT if unit is not None and unit.is_reactive else Channel.IMPORT

    def _series(self, name: str, channel: Channel) -> Collected:
        key = (name, channel)
        found = self._own.get(key)
        if found is None:
            found = self._found.series[key] = self._own[key] = Collected()
        return found

    def _cell(self, cells: list[str], role: Role) -> str:
        at = self._layout.columns[role]
        return cells[at] if at < len(cells) else ""

    def _is_total(self, cells: list[str]) -> bool:
        """A line of sums below the table: told of, and left out."""
        first = next((cell for cell in cells if cell), "").strip(" :：").lower()
        if first in TOTALS:
            self._found.left_out[first] = self._found.left_out.get(first, 0) + 1
            return True
        return False

    def _wrong(self, line: int, what: str, at: Place | int | None = None) -> Invalid:
        name = at.name if isinstance(at, Place) else ""
        index = at.index if isinstance(at, Place) else at
        column = "" if index is None else f", column {index + 1}" + (f" ({name[:40]})" if name else "")
        return Invalid(f"{self._sheet.path}, line {line}{column}: {what}")
