"""Real load curves from a file: CSV or Parquet with the columns `time` and `power_w`.

A power holds until the next row. The curve covers whole local days and repeats for ever, so a short record
serves a long run.
"""

import csv
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path

from firmware_sim.calendar import BAND_OF_SLOT, DAY_S, EDGES, SLOT_S, Calendar
from firmware_sim.loads import Bands


class CurveError(Exception):
    """A curve file cannot be used; the text says which file, which row and what to do."""


class Curve:
    """A file's power as steps that also break where a tariff begins; shared by all meters that use it.

    `starts` are seconds since local midnight of the first day; `sums[n]` is the energy of tariff n before
    each start, whole mWh.
    """

    __slots__ = ("_period_s", "_powers", "_starts", "_sums")

    def __init__(self, rows: list[tuple[float, float]]) -> None:
        days = int(rows[-1][0] // DAY_S) + 1
        self._period_s = days * DAY_S
        edges = {float(day * DAY_S + slot * SLOT_S) for day in range(days) for slot in EDGES}
        powers = dict(rows)
        self._starts, self._powers = array("d"), array("d")
        self._sums = tuple(array("q", [0]) for _ in range(4))
        power = rows[0][1]
        for start in sorted(edges | powers.keys()):
            power = powers.get(start, power)
            self._starts.append(start)
            self._powers.append(power)
        for index, (_, end) in enumerate(pairwise(self._starts)):
            for n in range(4):
                spent = self._spent(index, end) if n == self._band(index) else 0
                self._sums[n].append(self._sums[n][-1] + spent)

    def power_w(self, second: float) -> float:
        return self._powers[self._at(second % self._period_s)]

    def bands_mwh(self, second: float) -> Bands:
        """Energy by tariff since second 0; whole repeats count through."""
        rounds, rest = divmod(second, self._period_s)
        index = self._at(rest)
        sums = [int(rounds) * sums[-1] + sums[index] for sums in self._sums]
        sums[self._band(index)] += self._spent(index, rest)
        sharp, peak, flat, valley = sums
        return sharp, peak, flat, valley

    def _at(self, second: float) -> int:
        return bisect_right(self._starts, second) - 1

    def _band(self, index: int) -> int:
        return BAND_OF_SLOT[int(self._starts[index] % DAY_S // SLOT_S)]

    def _spent(self, index: int, until: float) -> int:
        return int(self._powers[index] * (until - self._starts[index]) / 3.6)


class CurveLoad:
    """A meter on a curve. The curve starts on the last day before installation that has its weekday."""

    __slots__ = ("_curve", "_origin", "_scale", "_start_s", "power_factor")

    def __init__(
        self, curve: Curve, first_weekday: int, scale: float, power_factor: float, calendar: Calendar
    ):
        self._curve = curve
        self._scale = scale
        self.power_factor = power_factor
        lead_days = (calendar.first_weekday - first_weekday) % 7
        self._start_s = calendar.origin_s - lead_days * DAY_S
        self._origin = curve.bands_mwh(float(lead_days * DAY_S))

    def power_w(self, t_s: float) -> float:
        return self._scale * self._curve.power_w(t_s - self._start_s)

    def energy_mwh(self, t_s: float) -> int:
        return sum(self.bands_mwh(t_s))

    def bands_mwh(self, t_s: float) -> Bands:
        now = self._curve.bands_mwh(t_s - self._start_s)
        sharp, peak, flat, valley = (
            int(self._scale * (at - before)) for at, before in zip(now, self._origin, strict=True)
        )
        return sharp, peak, flat, valley


def read(path: Path, calendar: Calendar) -> tuple[Curve, int]:
    """The file's curve and the weekday of its first day. CurveError names the file and the row."""
    if not path.is_file():
        raise CurveError(f"{path}: there is no such file; a load curve is a CSV or Parquet file")
    raw = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    rows: list[tuple[float, float]] = []
    first_midnight = 0.0
    weekday = 0
    for number, time_text, power_text in raw:
        at_s, power = _instant(path, number, time_text, calendar), _power(path, number, power_text)
        if not rows:
            day, _ = calendar.split(at_s)
            first_midnight = calendar.origin_s + day * DAY_S
            weekday = (calendar.first_weekday + day) % 7
        elif at_s - first_midnight <= rows[-1][0]:
            raise CurveError(
                f"{path}: row {number}: time {time_text} is not after the row before; sort the file"
            )
        rows.append((at_s - first_midnight, power))
    if not rows:
        raise CurveError(f"{path}: it holds no row below its header")
    return Curve(rows), weekday


def _csv_rows(path: Path) -> Iterator[tuple[int, object, object]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            yield reader.line_num, row["time"], row["power_w"]


def _parquet_rows(path: Path) -> Iterator[tuple[int, object, object]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise CurveError(
            f"{path}: Parquet needs pyarrow: run pip install 'wattpost[curves]', or use CSV"
        ) from None
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise CurveError(f"{path}: it is not a Parquet file: {str(error).splitlines()[0]}") from None
    _check_columns(path, file.schema_arrow.names)
    number = 0
    for batch in file.iter_batches(columns=["time", "power_w"]):
        for row in batch.to_pylist():
            number += 1
            yield number, row["time"], row["power_w"]


def _check_columns(path: Path, names: Iterable[str]) -> None:
    lacking = {"time", "power_w"} - set(names)
    if lacking:
        raise CurveError(f"{path}: the column {min(lacking)!r} is missing; a curve has time and power_w")


def _instant(path: Path, number: int, value: object, calendar: Calendar) -> float:
    """Unix seconds; a time without a zone is the station's own."""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise CurveError(
            f"{path}: row {number}: time {value!r} is no ISO time such as 2026-07-01T00:15:00"
        ) from None
    if at.tzinfo is not None:
        return at.timestamp()
    return (at - calendar.local(0)).total_seconds()


def _power(path: Path, number: int, value: object) -> float:
    try:
        power = float(str(value))
    except ValueError:
        power = -1.0
    if not isfinite(power) or power < 0:
        raise CurveError(f"{path}: row {number}: power_w {value!r} is no number of watts from 0 up")
    return power
