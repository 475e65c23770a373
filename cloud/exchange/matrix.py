"""A file of load curves as one array over whole local days, without a station or a database behind it.

Memory is the array (4 bytes a value) and at most as much again while it is read.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from cloud.exchange import bulk, layout, sheets, understanding
from cloud.exchange.collecting import Found, Key
from cloud.exchange.said import Said, Values, zone_of
from cloud.exchange.understanding import Series, Understood
from cloud.exchange.walls import Meaning
from cloud.kit.days import midnight
from cloud.kit.errors import Invalid
from cloud.metering.vee.days import Channel

QUARTER_S = 900
LONGEST_S = 3600
MOST_DAYS = 4000
LEAST_TO_JUDGE = 48
PACKED_TIMES = 8
MOST_VALUES = 1 << 30
_KNOWN_ZONES = (
    "Asia/Shanghai", "Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York",
    "America/Chicago", "America/Denver", "America/Los_Angeles", "Australia/Sydney", "Asia/Tehran",
)  # fmt: skip
Progress = Callable[[int, str], AbstractContextManager[Callable[[int], object]]]


@dataclass(slots=True)
class Matrix:
    """`wh` float32 (meters, slots): energy drawn in each slot from `starts_ms` on, NaN where there is none.

    Slots fill whole local days of `zone`. `fed_back_kwh` (meters,) was below zero in the file and is not in
    `wh`; `gaps`, `empty`, `doubled` count over all meters; `file` says how everything was taken.
    """

    file: Understood
    meters: tuple[str, ...]
    wh: NDArray[np.float32]
    starts_ms: NDArray[np.int64]
    interval_s: int
    zone: ZoneInfo
    rows: int
    fed_back_kwh: NDArray[np.float64]
    gaps: int = 0
    empty: int = 0
    doubled: int = 0
    notes: list[str] = field(default_factory=list)


def matrix(path: Path, said: Said, progress: Progress) -> Matrix:
    """Invalid says in one line what is wrong or open: file, line, column, what to do."""
    sheet = sheets.opened(path, said.encoding, said.separator)
    form = layout.found(sheet, lambda _: False)
    with progress(_rows_of(sheet), "rows") as tick:
        found = bulk.collected(sheet, form, said, tick)
    notes: list[str] = []
    said = replace(said, zone=_zone(path, said, found, notes))
    found.series = {key: each for key, each in found.series.items() if key[1] is Channel.IMPORT}
    if any(not name for name, _ in found.series):
        said = replace(said, meter=said.meter or stem(path))
    file, series = understanding.begun(sheet, form, found, said)
    understanding.doubts(file, form, found)
    rows = max((len(each.labels) for each in found.series.values()), default=0)
    step_s = _step(path, file)
    begun = _Filling(file, found, step_s, rows)
    with progress(len(found.series), "meters") as tick:
        for key, each in series:
            begun.put(key, each)
            tick(1)
    made = begun.done(notes)
    made.notes.extend(file.doubts)
    return made


def stem(path: Path) -> str:
    """The file's name without what tells its kind: "load.2025.csv.gz" is "load.2025"."""
    name = path.name
    for kind in (".gz", ".csv", ".txt", ".tsv", ".xlsx", ".parquet"):
        name = name[: -len(kind)] if name.lower().endswith(kind) and len(name) > len(kind) else name
    return name


def _zone(path: Path, said: Said, found: Found, notes: list[str]) -> ZoneInfo:
    if said.zone_said or not found.absolute:
        return said.zone
    if found.zone_name is not None:
        try:
            zone = ZoneInfo(found.zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            zone = zone_of(f"UTC{found.zone_name}")
        if found.zone_name == "UTC":
            notes.append("times are in UTC, and days are cut at its midnight: say --timezone for another")
        return zone
    if len(found.offsets_s) > 1:
        raise Invalid(
            f"{path}: times are of {_told(found.offsets_s)}: two zones, or one with summer "
            f"time; say which with --timezone{_such_as(found.offsets_s)}"
        )
    offset_s = next(iter(found.offsets_s), 0)
    if offset_s % 3600:
        raise Invalid(f"{path}: times are of {_told({offset_s})}: say --timezone, such as Asia/Kolkata")
    if offset_s == 0:
        notes.append("times are in UTC, and days are cut at its midnight: say --timezone for another")
    return zone_of(f"UTC{offset_s // 3600:+03}:00")


def _told(offsets_s: set[int]) -> str:
    return " and ".join(f"UTC{s // 3600:+03}:{s % 3600 // 60:02}" for s in sorted(offsets_s))


def _such_as(offsets_s: set[int]) -> str:
    """A zone that has just these offsets in a year."""
    for name in _KNOWN_ZONES:
        zone = ZoneInfo(name)
        months = (datetime(2016, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in range(1, 13))
        if {round(each.total_seconds()) for each in months} == offsets_s:
            return f", such as {name}"
    return ""


def _step(path: Path, file: Understood) -> int:
    """Of the array: what is finer than a quarter of an hour is added up to one."""
    if file.values is Values.REGISTER and not file.interval_s:
        raise Invalid(f"{path}: one value for each meter does not tell how long an interval is")
    if file.interval_s > LONGEST_S or LONGEST_S % file.interval_s:
        raise Invalid(
            f"{path}: values are {file.interval_s // 60} min apart: "
            "an analysis of the day needs an hour or less"
        )
    return QUARTER_S if QUARTER_S % file.interval_s == 0 else file.interval_s


class _Filling:
    def __init__(self, file: Understood, found: Found, step_s: int, rows: int) -> None:
        self._file, self._step_s, self._rows = file, step_s, rows
        self._zone: tzinfo = file.said.zone
        low, high = _span(found)
        first, last = self._day(low), self._day(high)
        self._start_s = round(midnight(first, file.said.zone).timestamp())
        stop_s = round(midnight(last + timedelta(days=1), file.said.zone).timestamp())
        slots = (stop_s - self._start_s) // step_s
        if (last - first).days > MOST_DAYS or slots * len(found.series) > MOST_VALUES:
            raise Invalid(
                f"{file.path}: {len(found.series)} meters from {first} to {last} are more than fits: "
                "mend the dates, or split the file"
            )
        self._wh = np.full((len(found.series), slots), np.nan, np.float32)
        self._back = np.zeros(len(found.series))
        self._names: list[str] = []
        self._counts = [0, 0, 0]

    def _day(self, label: int) -> date:
        """The local day in which the interval of a label begins."""
        begin_s = label - (self._file.interval_s if self._file.meaning is Meaning.END else 0)
        zone = self._zone if self._file.absolute else UTC
        return datetime.fromtimestamp(begin_s, UTC).astimezone(zone).date()

    def put(self, key: Key, series: Series) -> None:
        row = len(self._names)
        self._names.append(key[0] or self._file.said.meter or "")
        for number, count in enumerate((len(series.gaps), series.empty, series.doubled)):
            self._counts[number] += count
        at_s, wh = series.at_s, series.values
        if self._file.values is Values.REGISTER:
            at_s, wh = _advances(at_s, wh, self._file.interval_s)
        elif self._file.values is Values.ENERGY and self._file.said.values is None:
            self._no_register(self._names[row], wh)
        self._back[row] = -wh[wh < 0].sum() / 1000
        wh = np.maximum(wh, 0)
        if self._step_s != self._file.interval_s:
            at_s, wh = _added_up(at_s, wh, self._file.interval_s, self._step_s)
        slot, over = np.divmod(at_s - self._start_s, self._step_s)
        if over.any():
            where = datetime.fromtimestamp(int(at_s[np.flatnonzero(over)[0]]), UTC).astimezone(self._zone)
            raise Invalid(
                f"{self._file.path}: {key[0]}: {where:%Y-%m-%d %H:%M} does not begin on a whole "
                f"{self._step_s // 60} min of the day: mend the file, or say --timezone"
            )
        self._wh[row, slot] = wh

    def _no_register(self, name: str, wh: NDArray[np.float64]) -> None:
        """Energies fall again and again; what only rises, and in small steps, is a register nobody named."""
        rises = np.diff(wh)
        if len(wh) >= LEAST_TO_JUDGE and (rises >= 0).all() and rises.max() > 0 and rises.max() < wh[0]:
            raise Invalid(
                f"{self._file.path}: {name}: values only ever rise, as those of a register do: say --values "
                "register, or --values energy where each is the energy of its interval"
            )

    def done(self, notes: list[str]) -> Matrix:
        """Cut to the whole local days that hold something."""
        known = ~np.isnan(self._wh).all(axis=0)
        if not known.any():
            raise Invalid(f"{self._file.path}: there are no values in it")
        zone = self._file.said.zone
        first, last = (
            datetime.fromtimestamp(self._start_s + int(slot) * self._step_s, UTC).astimezone(zone).date()
            for slot in np.flatnonzero(known)[[0, -1]]
        )
        begin = (round(midnight(first, zone).timestamp()) - self._start_s) // self._step_s
        end = (round(midnight(last + timedelta(days=1), zone).timestamp()) - self._start_s) // self._step_s
        gaps, empty, doubled = self._counts
        starts_ms = (self._start_s + np.arange(begin, end, dtype=np.int64) * self._step_s) * 1000
        return Matrix(
            self._file, tuple(self._names), self._wh[:, begin:end], starts_ms, self._step_s, zone,
            self._rows, self._back, gaps, empty, doubled, notes,
        )  # fmt: skip


def _span(found: Found) -> tuple[int, int]:
    """The first and the last label of all."""
    low, high = 1 << 62, -(1 << 62)
    for each in found.series.values():
        labels = each.labels
        if len(labels):
            own = np.frombuffer(labels, np.int64)
            low, high = min(low, int(own.min())), max(high, int(own.max()))
    return low, high


def _advances(
    at_s: NDArray[np.int64], values: NDArray[np.float64], interval_s: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Energies between registers one interval apart; across a fall or a hole nothing is known."""
    rises = np.diff(values)
    good = (np.diff(at_s) == interval_s) & (rises >= 0)
    return at_s[:-1][good], rises[good]


def _added_up(
    at_s: NDArray[np.int64], wh: NDArray[np.float64], interval_s: int, step_s: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Whole steps alone: a step with a hole in it is not known."""
    step, where, count = np.unique(at_s // step_s, return_inverse=True, return_counts=True)
    total = np.bincount(where, wh, minlength=len(step))
    whole = count == step_s // interval_s
    return step[whole] * step_s, total[whole]


def _rows_of(sheet: sheets.Sheet) -> int:
    """About how many there are: for the bar alone."""
    if sheet.kind == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(sheet.path) as file:
            return int(file.metadata.num_rows)
    with sheets.unpacked(sheet.path, sheet.packed) as file:
        head = file.read(1 << 16)
    size = sheet.path.stat().st_size * (PACKED_TIMES if sheet.packed else 1)
    return max(1, size * head.count(b"\n") // max(1, len(head)))
