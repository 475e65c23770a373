"""A file of hourly temperatures: understood before any is kept, each bad row told by number and column."""

import csv
import gzip
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from cloud.kit.errors import Invalid

TIMES = (
    "time",
    "at",
    "datetime",
    "date_time",
    "timestamp",
    "start",
    "dt",
    "hour",
    "时间",
    "日期时间",
    "时刻",
)
DEGREES = (
    "celsius", "temperature", "temperature_c", "temp_c", "tempc", "temp", "t", "温度", "气温",
    "气温(℃)", "温度(℃)",
)  # fmt: skip
COLDEST_C, HOTTEST_C = -70.0, 60.0
_HOUR_S = 3600
_MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "--"})


@dataclass(frozen=True, slots=True)
class Hours:
    """`celsius` by whole hours since 1970 (UTC); `empty` rows said that the hour is missing."""

    celsius: dict[int, float]
    empty: int


def read(path: Path, zone: tzinfo) -> Hours:
    """Times with an offset, or of the wall clock of `zone` without one, each the begin of its hour.

    Invalid names every row that is no such thing; of a file with such rows nothing is taken.
    """
    names, rows = _table(path)
    at, degrees = _column(path, names, TIMES, "of the time"), _column(path, names, DEGREES, "of °C")
    taken = _Taken(zone, (names[at], names[degrees]))
    for number, row in rows:
        taken.add(number, row[at] if at < len(row) else "", row[degrees] if degrees < len(row) else "")
    if taken.problems:
        rest = f"{path.name}: {len(taken.problems)} bad rows, nothing was taken"
        raise Invalid(rest, [rest, *taken.problems])
    if not taken.celsius:
        raise Invalid(f"{path.name}: there is no temperature in it")
    return Hours(taken.celsius, taken.empty)


class _Taken:
    """What the rows so far have said."""

    def __init__(self, zone: tzinfo, names: tuple[str, str]) -> None:
        self._zone, self._names = zone, names
        self.celsius: dict[int, float] = {}
        self.problems: list[str] = []
        self.empty = 0
        self._of: dict[int, int] = {}
        self._walls: set[datetime] = set()

    def add(self, number: int, at: Any, degrees: Any) -> None:
        try:
            hour, celsius = self._hour(at), _degrees(degrees)
            if celsius is None:
                self.empty += 1
                return
            self._once(hour, celsius)
        except _Bad as bad:
            self.problems.append(f"row {number}, column {self._names[bad.column]}: {bad}")
            return
        self.celsius[hour], self._of[hour] = celsius, number

    def _once(self, hour: int, celsius: float) -> None:
        if self.celsius.get(hour, celsius) != celsius:
            raise _Bad(0, f"this hour is in row {self._of[hour]} already, with another temperature")

    def _hour(self, said: Any) -> int:
        try:
            at = said if isinstance(said, datetime) else _moment(str(said))
        except ValueError:
            raise _Bad(0, f"{_short(said)} is no time: write 2026-03-01T08:00+08:00") from None
        if at.minute or at.second or at.microsecond:
            raise _Bad(0, f"{_short(said)} is not on the hour: hourly temperatures are taken")
        if at.tzinfo is None:
            at = self._placed(at)
        return int(at.timestamp()) // _HOUR_S

    def _placed(self, wall: datetime) -> datetime:
        """Of an hour that the clocks show twice, the first row is the first."""
        at = wall.replace(tzinfo=self._zone, fold=int(wall in self._walls))
        if at.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != wall:
            raise _Bad(0, f"{_short(wall)} is no hour of that day: the clocks go forward")
        self._walls.add(wall)
        return at


class _Bad(Exception):
    """A cell: 0 is the time's, 1 the temperature's."""

    def __init__(self, column: int, why: str) -> None:
        super().__init__(why)
        self.column = column


def _degrees(said: Any) -> float | None:
    text = "" if said is None else str(said).strip()
    if text.lower() in _MISSING:
        return None
    try:
        celsius = float(text)
    except ValueError:
        raise _Bad(1, f"{_short(said)} is no number") from None
    if not math.isfinite(celsius) or not COLDEST_C <= celsius <= HOTTEST_C:
        raise _Bad(1, f"{_short(said)} is no temperature in °C of this earth")
    return celsius


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.strip().replace("/", "-"))


def _short(said: Any) -> str:
    text = str(said)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _column(path: Path, names: Sequence[str], wanted: Sequence[str], what: str) -> int:
    plain = [name.strip().strip("\ufeff").lower() for name in names]
    for each in wanted:
        if each in plain:
            return plain.index(each)
    if what == "of °C" and (hot := [name for name in plain if name in ("tempf", "temp_f", "temperature_f")]):
        raise Invalid(f"{path.name}: column {hot[0]} is in °F: convert it to °C and call it celsius")
    there = ", ".join(names) or "none"
    raise Invalid(f"{path.name}: row 1 has no column {what}: call it {wanted[0]} (there are: {there})")


def _table(path: Path) -> tuple[list[str], Iterable[tuple[int, Sequence[Any]]]]:
    """Headings, and each row with its number as a person counts: the headings are row 1."""
    if not path.is_file():
        raise Invalid(f"{path} is no file")
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    rows = _csv(path)
    _, names = next(rows, (1, []))
    return [str(name) for name in names], ((number, row) for number, row in rows if any(row))


def _csv(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _chinese(path, raw)
    except (OSError, EOFError) as error:
        raise Invalid(f"{path.name} cannot be read: {error}") from None
    try:
        yield from enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), 1)
    except csv.Error as error:
        raise Invalid(f"{path.name} is no CSV: {error}") from None


def _chinese(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("gb18030")
    except UnicodeDecodeError:
        raise Invalid(f"{path.name} is neither UTF-8 nor GBK text") from None


def _parquet(path: Path) -> tuple[list[str], Iterable[tuple[int, Sequence[Any]]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        columns = [column.to_pylist() for column in table.columns]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Invalid(f"{path.name} is no Parquet: {error}") from None
    return list(table.column_names), enumerate(zip(*columns, strict=True), 2)
