"""What a file of intervals says, or why it cannot be told: layout, labels, unit, zone, gaps, odd days.

Nothing is guessed that would change a value: where the file does not tell, it is refused with what to say.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cloud.exchange import collecting, layout, sheets, walls
from cloud.exchange.collecting import Column, Found, Key
from cloud.exchange.figures import Mark
from cloud.exchange.headings import Role
from cloud.exchange.layout import Layout, Shape
from cloud.exchange.moments import DAY_S
from cloud.exchange.said import Said, Values
from cloud.exchange.sheets import Sheet
from cloud.exchange.walls import Floats, Ints, Meaning, Seen
from cloud.kit.errors import Invalid

LONGEST_STEP_S = DAY_S
MOST_LABELS = 50
MIXED_RUN = 8
"""So many steps of another length one behind another are no gaps."""
END_WORDS = ("end", "ending", "bis", "结束", "截止")
BEGIN_WORDS = ("start", "begin", "beginning", "from", "von", "开始", "起始")


@dataclass(frozen=True, slots=True)
class Series:
    """One meter's and channel's: `at_s` (n,) UTC seconds, rising, of what is there; `values` (n,) Wh, varh.

    Of intervals `at_s` is the begin; of a register the instant. `empty` are labels without a value, `gaps`
    [from, to) in UTC seconds: what is missing between the first and the last.
    """

    at_s: Ints
    values: Floats
    empty: int
    doubled: int
    gaps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """One meter's in the order of time even where the file is newest first; `values` are read when asked."""

    column: Column
    is_turned: bool

    @property
    def labels(self) -> Ints:
        found = _labels(self.column)
        return found[::-1] if self.is_turned else found

    def values(self) -> Floats:
        content = self.column.values
        found = np.frombuffer(content, np.float64) if len(content) else np.zeros(0)
        return np.array(found[::-1] if self.is_turned else found)


@dataclass(slots=True)
class Understood:
    """`why` is how the labels' meaning is known; `doubts` are what a person should look at."""

    path: Path
    sheet: Sheet
    shape: Shape
    values: Values
    unit: str
    mark: Mark
    meaning: Meaning
    why: str
    said: Said
    absolute: bool
    interval_s: int
    series: dict[Key, Series] = field(default_factory=dict)
    days: dict[date, set[str]] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def understood(path: Path, said: Said, is_meter: Callable[[str], bool]) -> Understood:
    """Read a whole file. Invalid says what is wrong or open, in one line, and what to do."""
    sheet = sheets.opened(path, said.encoding, said.separator)
    form = layout.found(sheet, is_meter)
    found = collecting.collected(sheet, form, said)
    result, series = begun(sheet, form, found, said)
    result.series.update(series)
    doubts(result, form, found)
    _doubts_of_series(result)
    return result


def begun(
    sheet: Sheet, form: Layout, found: Found, said: Said
) -> tuple[Understood, Iterator[tuple[Key, Series]]]:
    """What holds of the whole file, and its series one by one, so that nobody has to hold them all."""
    path = sheet.path
    if not any(len(each.labels) for each in found.series.values()):
        raise Invalid(f"{path}: there are no values in it")
    if said.meter is None and any(not name for name, _ in found.series):
        raise Invalid(f"{path}: it does not say which meter it is of: say --meter")
    values, unit = _kind(path, form, found, said)
    ordered = {key: _rising(each) for key, each in found.series.items()}
    interval_s = _interval(path, form, found, ordered, values)
    meaning, why = _meaning(path, form, found, ordered, interval_s, values, said)
    result = Understood(
        path, sheet, form.shape, values, unit, found.mark, meaning, why, said,
        bool(found.absolute), interval_s,
    )  # fmt: skip
    return result, _series(result, form, found, ordered)


def _kind(path: Path, form: Layout, found: Found, said: Said) -> tuple[Values, str]:
    units = {unit for unit in found.units if unit is not None}
    if None in found.units or not units:
        raise Invalid(f"{path}: the unit is not told: say --unit kWh, Wh or kW")
    power = {unit.is_power for unit in units}
    if len(power) > 1:
        raise Invalid(f"{path}: powers and energies are mixed ({', '.join(sorted(units))}): split the file")
    name = ", ".join(sorted(units))
    if said.values is not None:
        if (said.values is Values.POWER) != power.pop():
            raise Invalid(f"{path}: values in {name} are no {said.values}")
        return said.values, name
    if power.pop():
        return Values.POWER, name
    roles = {place.role for place in form.places}
    return (Values.REGISTER if Role.REGISTER in roles else Values.ENERGY), name


def _labels(column: Column) -> Ints:
    content = column.labels
    return np.frombuffer(content, np.int64) if len(content) else np.zeros(0, np.int64)


def _rising(found: Column) -> Ordered:
    labels = _labels(found)
    falls = int((np.diff(labels) < 0).sum())
    return Ordered(found, falls > len(labels) // 2)


def _interval(path: Path, form: Layout, found: Found, ordered: Mapping[Key, Ordered], values: Values) -> int:
    if form.per_day is not None:
        return DAY_S // form.per_day
    if len(found.ranges_s) == 1:
        return _possible(path, found.ranges_s.pop(), values)
    steps: Counter[int] = Counter()
    for each in list(ordered.values())[:MOST_LABELS]:
        rises = np.diff(np.unique(each.labels))
        steps.update(rises.tolist()[:5000])
    if not steps:
        if values is Values.REGISTER:
            return 0
        raise Invalid(f"{path}: one value for each meter does not tell how long an interval is")
    return _possible(path, steps.most_common(1)[0][0], values)


def _possible(path: Path, step_s: int, values: Values) -> int:
    if values is Values.REGISTER:
        return step_s
    if not 60 <= step_s <= LONGEST_STEP_S or DAY_S % step_s:
        raise Invalid(
            f"{path}: most values are {step_s / 60:g} min apart, which does not divide a day: "
            "it is no table of intervals; give values evenly apart"
        )
    return step_s


def _meaning(
    path: Path,
    form: Layout,
    found: Found,
    ordered: Mapping[Key, Ordered],
    interval_s: int,
    values: Values,
    said: Said,
) -> tuple[Meaning, str]:
    if values is Values.REGISTER:
        return Meaning.INSTANT, "a register is read at an instant"
    if said.labels is not None:
        return said.labels, "you said so"
    if Role.START in form.columns:
        return Meaning.BEGIN, "a column names the start"
    if Role.END in form.columns:
        return Meaning.END, "a column names the end"
    if form.is_numbered:
        return Meaning.BEGIN, f"columns are numbered: the first is the day's first {interval_s // 60} min"
    if any(place.end_s is not None for place in form.places):
        return Meaning.BEGIN, "headings name begin and end"
    if found.has_24:
        return Meaning.END, "there is a 24:00, which only an end can be"
    zone = said.zone if found.absolute else None
    proved = {_edges(each.labels, interval_s, zone) for each in ordered.values() if len(each.labels)}
    proved.discard(None)
    if len(proved) == 1:
        only = proved.pop()
        assert only is not None
        return only
    raise Invalid(
        f"{path}: whether a time is its interval's begin or end is not plain: say --labels begin or end"
    )


def _edges(labels: Ints, interval_s: int, zone: ZoneInfo | None) -> tuple[Meaning, str] | None:
    """Whole days tell: they go from 00:00 to 23:45, or from 00:15 to 00:00; of instants in their zone."""
    first, last = (_on_the_wall(int(each), zone) % DAY_S for each in (labels.min(), labels.max()))
    if first == 0 and last == DAY_S - interval_s:
        return Meaning.BEGIN, "days go from 00:00 to the last interval's begin"
    if first == interval_s and last == 0:
        return Meaning.END, "days go from the first interval's end to 00:00"
    return None


def _on_the_wall(label: int, zone: ZoneInfo | None) -> int:
    if zone is None:
        return label
    offset = datetime.fromtimestamp(label, UTC).astimezone(zone).utcoffset()
    return label + (round(offset.total_seconds()) if offset else 0)


def _series(
    result: Understood, form: Layout, found: Found, ordered: dict[Key, Ordered]
) -> Iterator[tuple[Key, Series]]:
    """Each is let go of once it is given."""
    seen = Seen(result.days, repeated=result.said.repeated_hour)
    shift = result.interval_s if result.meaning is Meaning.END else 0
    if not result.absolute and result.meaning is not Meaning.INSTANT:
        some = list(ordered.values())[:MOST_LABELS]
        walls.settle(((each.labels - shift, each.values()) for each in some), result.said.zone, seen)
    hours = result.interval_s / 3600
    for key in list(ordered):
        each = ordered.pop(key)
        found.series.pop(key)
        values = each.values()
        if result.absolute:
            at_s = each.labels - shift
        else:
            at_s, values = walls.starts(
                each.labels, values, result.interval_s, result.meaning, result.said.zone, seen
            )
        if result.values is Values.POWER:
            values = values * hours
        yield key, _one(result, _Lines(form, found, key, shift), at_s, values)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where in the file a moment of one meter stands: looked up only for what is refused."""

    form: Layout
    found: Found
    key: Key
    shift_s: int

    def told(self, result: Understood, at_s: int) -> str:
        label = at_s + self.shift_s
        if not result.absolute:
            offset = datetime.fromtimestamp(at_s, UTC).astimezone(result.said.zone).utcoffset()
            label += round(offset.total_seconds()) if offset else 0
        lines = collecting.lines_of(result.sheet, self.form, result.said, self.found, self.key, label)
        named = " and ".join(map(str, lines))
        return f"{result.path}, line{'s' * (len(lines) > 1)} {named}" if lines else str(result.path)


def _one(result: Understood, lines: _Lines, at_s: Ints, values: Floats) -> Series:
    order = np.argsort(at_s, kind="stable")
    at_s, values = at_s[order], values[order]
    _one_step(result, lines, at_s)
    missing = np.isnan(values)
    empty = int(missing.sum())
    at_s, values = at_s[~missing], values[~missing]
    again = np.flatnonzero(np.diff(at_s) == 0)
    other = again[values[again] != values[again + 1]]
    if len(other):
        at = int(at_s[other[0]])
        raise Invalid(
            f"{lines.told(result, at)}: {lines.key[0] or 'the meter'} has two different values for "
            f"{_shown(at, result)}: mend the file{_set_back(result)}"
        )
    keep = np.ones(len(at_s), bool)
    keep[again + 1] = False
    at_s, values = at_s[keep], values[keep]
    if result.values is Values.REGISTER:
        return Series(at_s, values, empty, len(again), ())
    step = result.interval_s
    off = np.flatnonzero((at_s - at_s[:1]) % step) if len(at_s) else at_s
    if len(off):
        at = int(at_s[off[0]])
        raise Invalid(
            f"{lines.told(result, at)}: {_shown(at, result)} does not lie a whole number of "
            f"{step // 60} min behind the first value: mend the file"
        )
    holes = np.flatnonzero(np.diff(at_s) != step)
    gaps = tuple((int(at_s[hole]) + step, int(at_s[hole + 1])) for hole in holes)
    return Series(at_s, values, empty, len(again), gaps)


def _set_back(result: Understood) -> str:
    """A time that comes twice may be the autumn hour of a zone nobody has named."""
    said = result.absolute or result.said.zone_said
    return "" if said else ", or say --timezone where its clock was set back"


def _one_step(result: Understood, lines: _Lines, at_s: Ints) -> None:
    """Many steps alike one behind another, and not of the file's interval: two files in one."""
    if result.values is Values.REGISTER or len(at_s) < MIXED_RUN:
        return
    steps = np.diff(at_s)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(steps)) + 1, [len(steps)]])
    long = (np.diff(edges) >= MIXED_RUN) & (steps[edges[:-1]] != result.interval_s) & (steps[edges[:-1]] > 0)
    if long.any():
        first = int(edges[:-1][long][0])
        at = int(at_s[first + 1])
        raise Invalid(
            f"{lines.told(result, at)}: from {_shown(at, result)} values are {int(steps[first]) // 60} min "
            f"apart, elsewhere {result.interval_s // 60}: intervals are mixed, split the file"
        )


def _shown(at_s: int, result: Understood) -> str:
    return datetime.fromtimestamp(at_s, UTC).astimezone(result.said.zone).isoformat(" ", "minutes")


def doubts(result: Understood, form: Layout, found: Found) -> None:
    """What holds of the file as a whole and a person should look at."""
    tell = result.doubts.append
    if result.sheet.left_out:
        tell(f"only the first sheet was read, not {_some(result.sheet.left_out)}")
    if found.left_out:
        tell(f"lines of sums were left out: {_some(found.left_out)}")
    if result.values is Values.POWER:
        tell("values are powers: taken as the mean of their interval")
    if form.is_numbered:
        tell("columns are numbered, not timed: the first is taken for the day's first interval")
    if not result.absolute and not result.said.zone_said:
        tell(f"times have no offset: taken as the station's, {result.said.zone.key}")


def _doubts_of_series(result: Understood) -> None:
    tell = result.doubts.append
    doubled = sum(each.doubled for each in result.series.values())
    if doubled:
        tell(f"{doubled} values are there twice, and alike: counted once")
    if result.values is Values.REGISTER:
        falls = [name for (name, _), each in result.series.items() if (np.diff(each.values) < 0).any()]
        if falls:
            tell(f"the register falls in {_some(falls)}: nothing is known across a fall")
    elif any(each.gaps for each in result.series.values()):
        tell("there are gaps: behind each the register begins again, so that nobody takes it for zero")


def _some(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
