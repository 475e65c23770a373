"""How a table of intervals is laid out: a row for each day, for each interval, or a column for each meter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise

from cloud.exchange import headings, moments
from cloud.exchange.headings import Heading, Role, Unit
from cloud.exchange.moments import DAY_S
from cloud.exchange.sheets import Sheet
from cloud.kit.errors import Invalid

SAMPLE = 200
PREAMBLE = 40
NUMBERED = {23: 24, 24: 24, 25: 24, 46: 48, 48: 48, 50: 48, 92: 96, 96: 96, 100: 96}
"""Columns of numbered intervals, and how many such intervals an ordinary day has."""
FEWEST_TIMES = 8
VALUES = (Role.ENERGY, Role.POWER, Role.REGISTER, Role.VALUE)


class Shape(StrEnum):
    WIDE = "wide"
    """A row for each day (and meter), a column for each interval."""
    LONG = "long"
    """A row for each interval (and meter)."""
    COLUMNS = "columns"
    """A row for each interval, a column for each meter."""


@dataclass(frozen=True, slots=True)
class Place:
    """A column that holds values: of which unit, and in a wide table its time: `begin_s`, `end_s` of the day.

    `number` is the place in the day, from 0, where columns are numbered and not timed.
    """

    index: int
    name: str
    unit: Unit | None
    role: Role | None
    begin_s: int | None = None
    end_s: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns` says where each role stands; `first_row` is the line of the first data."""

    shape: Shape
    columns: dict[Role, int]
    places: tuple[Place, ...]
    first_row: int
    per_day: int | None = None
    unit: Unit | None = None

    @property
    def is_numbered(self) -> bool:
        return self.shape is Shape.WIDE and self.places[0].number is not None


def found(sheet: Sheet, is_meter: Callable[[str], bool]) -> Layout:
    """Invalid says what was looked for and not found."""
    sample = list(islice(sheet.rows(), SAMPLE + PREAMBLE))
    position = _first_data(sample)
    nowhere = Invalid(
        f"{sheet.path}: no column holds dates or times: a table of intervals has one, as 2026-03-01 00:15, "
        "and rows below its headings"
    )
    if position is None:
        raise nowhere
    line, cells = sample[position]
    above = sample[position - 1][1] if position else []
    titles = above if len(above) >= 2 and abs(len(above) - len(cells)) <= 1 else []
    unit = next(
        (
            unit
            for _, row in sample[: max(position - 1, 0)]
            for unit in map(headings.unit_within, row)
            if unit
        ),
        None,
    )
    names = [headings.heading(text) for text in [*titles, *[""] * (len(cells) - len(titles))]]
    body = [row for _, row in sample[position:]]
    columns = _columns(names, body, bool(titles))
    if not columns.keys() & {Role.TIME, Role.START, Role.END}:
        raise nowhere
    wide = _wide(names, body, columns, bool(titles))
    if wide:
        per_day = NUMBERED.get(len(wide)) if wide[0].number is not None else _per_day(wide)
        return Layout(Shape.WIDE, columns, wide, line, per_day, unit)
    return _tall(sheet, names, body, columns, line, unit, is_meter)


def _first_data(sample: Sequence[tuple[int, list[str]]]) -> int | None:
    """The first row with a date in one of its first cells, and a number or a hole elsewhere."""
    for position, (_, cells) in enumerate(sample[:PREAMBLE]):
        if len(cells) >= 2 and any(_is_moment(cell) for cell in cells[:6]):
            return position
    return None


def _is_moment(text: str) -> bool:
    """A date; eight digits alone may be a meter's number, so they have to be a day to count as one."""
    return moments.moment(text) is not None


def _columns(names: Sequence[Heading], body: Sequence[list[str]], titled: bool) -> dict[Role, int]:
    columns: dict[Role, int] = {}
    for index, name in enumerate(names):
        if name.role is not None and (titled and name.text) and name.role not in VALUES:
            columns.setdefault(name.role, index)
    dated = [index for index in range(min(len(names), 8)) if _dated(body, index)]
    if not {Role.TIME, Role.START, Role.END} & {role for role in columns if columns[role] in dated}:
        if not dated:
            return columns
        columns[Role.TIME] = dated[0]
    for role in (Role.TIME, Role.START, Role.END):
        if role in columns and columns[role] not in dated:
            del columns[role]
    clock = next((index for index in range(len(names)) if _is_clock(body, index)), None)
    if clock is not None and Role.TIME in columns:
        columns[Role.CLOCK] = clock
    if not titled and Role.METER not in columns:
        _guess_meter(columns, body)
    return columns


def _guess_meter(columns: dict[Role, int], body: Sequence[list[str]]) -> None:
    """Without headings: a first column that is no date and says the same over and over is the meter."""
    first = [row[0] for row in body if row]
    if columns.get(Role.TIME) not in {None, 0} and len(set(first)) <= max(1, len(first) // 2):
        columns[Role.METER] = 0


def _dated(body: Sequence[list[str]], index: int) -> bool:
    cells = [row[index] for row in body if index < len(row) and row[index]]
    return bool(cells) and sum(map(_is_moment, cells)) >= 0.8 * len(cells) and not _same_meter(cells)


def _same_meter(cells: Sequence[str]) -> bool:
    """Eight or more bare digits, the same everywhere: a number of something, whatever date it looks like."""
    return len(cells) > 2 and len(set(cells)) == 1 and cells[0].isdigit() and len(cells[0]) != 8


def _is_clock(body: Sequence[list[str]], index: int) -> bool:
    cells = [row[index] for row in body if index < len(row) and row[index]]
    return bool(cells) and all(moments.clock_of(cell) is not None for cell in cells)


def _wide(
    names: Sequence[Heading], body: Sequence[list[str]], columns: dict[Role, int], titled: bool
) -> tuple[Place, ...]:
    if Role.TIME not in columns or Role.CLOCK in columns:
        return ()
    days = [moments.moment(row[columns[Role.TIME]]) for row in body if columns[Role.TIME] < len(row)]
    if any(day is not None and day.seconds % DAY_S and not day.absolute for day in days):
        return ()
    timed = [(index, name) for index, name in enumerate(names) if name.at_s is not None]
    if len(timed) >= FEWEST_TIMES:
        return tuple(
            Place(index, name.text, name.unit, name.role, name.at_s, name.to_s) for index, name in timed
        )
    return _numbered(names, columns) if titled else _untitled(body, columns)


def _numbered(names: Sequence[Heading], columns: dict[Role, int]) -> tuple[Place, ...]:
    taken = set(columns.values())
    found = [
        (index, name) for index, name in enumerate(names) if name.number is not None and index not in taken
    ]
    if len(found) not in NUMBERED:
        return ()
    first = found[0][1].number
    if first not in {0, 1} or [name.number for _, name in found] != list(range(first, first + len(found))):
        return ()
    return tuple(
        Place(index, name.text, name.unit, None, number=number) for number, (index, name) in enumerate(found)
    )


def _untitled(body: Sequence[list[str]], columns: dict[Role, int]) -> tuple[Place, ...]:
    width = max(map(len, body))
    rest = range(max(columns.values()) + 1, width)
    if len(rest) not in NUMBERED:
        return ()
    return tuple(Place(index, "", None, None, number=number) for number, index in enumerate(rest))


def _per_day(places: Sequence[Place]) -> int | None:
    times = sorted({place.begin_s for place in places if place.begin_s is not None})
    steps: list[int] = [after - before for before, after in pairwise(times)]
    step = min(steps, default=0)
    return DAY_S // step if step and DAY_S % step == 0 else None


def _tall(
    sheet: Sheet,
    names: Sequence[Heading],
    body: Sequence[list[str]],
    columns: dict[Role, int],
    line: int,
    unit: Unit | None,
    is_meter: Callable[[str], bool],
) -> Layout:
    taken = set(columns.values())
    rest = [
        Place(index, _name(name, is_meter), name.unit, name.role)
        for index, name in enumerate(names)
        if index not in taken and _holds_figures(body, index)
    ]
    valued = [place for place in rest if place.name and (place.role in VALUES or place.unit is not None)]
    if Role.METER not in columns and Role.POINT not in columns:
        named = [place for place in rest if is_meter(place.name)] or _alike(valued)
        if named or (len(rest) > 1 and not valued):
            return Layout(
                Shape.COLUMNS, columns, tuple(rest if not named else _with(rest, named)), line, unit=unit
            )
    if not valued and len(rest) == 1:
        valued = rest
    if not valued or (len(valued) > 1 and not _either_or(valued, body)):
        seen = ", ".join(repr(each.name) for each in rest[:8]) or "none"
        raise Invalid(
            f"{sheet.path}: which column holds the values is not plain: its heading should be one such as "
            f"'energy [kWh]', 'value' or a meter's name; seen: {seen}"
        )
    return Layout(Shape.LONG, columns, tuple(valued), line, unit=unit)


def _alike(valued: Sequence[Place]) -> list[Place]:
    """Several columns of one unit that say nothing else of what they are: their headings are names."""
    plain = len(valued) > 1 and all(place.role is None for place in valued)
    names = {place.name for place in valued}
    return list(valued) if plain and len({place.unit for place in valued}) == 1 < len(names) else []


def _name(name: Heading, is_meter: Callable[[str], bool]) -> str:
    return name.text if is_meter(name.text) or not name.bare else name.bare


def _with(rest: Sequence[Place], named: Sequence[Place]) -> list[Place]:
    """The columns of known meters and those beside them that may be of unknown ones."""
    return [place for place in rest if place in named or place.role is None]


def _holds_figures(body: Sequence[list[str]], index: int) -> bool:
    cells = [row[index] for row in body if index < len(row) and row[index]]
    return not cells or sum(any(sign.isdigit() for sign in cell) for cell in cells) >= 0.5 * len(cells)


def _either_or(valued: Sequence[Place], body: Sequence[list[str]]) -> bool:
    """Several value columns of which each row fills one, as energies in Wh and varh."""
    return all(sum(bool(row[place.index]) for place in valued if place.index < len(row)) <= 1 for row in body)
