"""The tasks of profiles: plain data in, files read, plain data out; in a thread or on a worker elsewhere."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.profile import shapes
from cloud.analysis.profile.temperature import Sensitivity, sensitivities
from cloud.analysis.profile.typical import typical
from cloud.analysis.profile.variability import Habits, habits
from cloud.insight.curves import Source
from cloud.insight.profile.days import Days, days_of, points_in, quarters
from cloud.insight.profile.policy import ProfilePolicy

NO_WEATHER = "no_weather"


@dataclass(frozen=True, slots=True)
class Coding:
    """The dictionary as a task needs it: `codes` of the `centres` (shapes, slots), in their order."""

    month: date
    codes: tuple[int, ...]
    centres: NDArray[np.float32]

    def of(self, days: Days) -> NDArray[np.int16]:
        """(points, days) the code of each day, NONE where it has no shape."""
        found = np.full(days.shaped.shape, shapes.NONE, np.int16)
        if days.shaped.any():
            rows = shapes.shapes_of(days.kwh.reshape(-1, days.kwh.shape[2]), days.shaped.ravel())
            found[days.shaped] = np.array(self.codes, np.int16)[shapes.encode(rows, self.centres)]
        return found


@dataclass(frozen=True, slots=True)
class EncodeTask:
    """Every point of the area's files but those of `without`."""

    area: str
    without: frozenset[str]
    source: Source
    coding: Coding
    policy: ProfilePolicy


@dataclass(frozen=True, slots=True)
class Encoded:
    """`codes` int16 (points, days) of the source's days."""

    points: tuple[str, ...]
    codes: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class SampleTask:
    """At most `days` customer-days with a shape, chosen by `seed` and the area's name."""

    area: str
    points: tuple[str, ...]
    source: Source
    policy: ProfilePolicy
    days: int
    seed: int


@dataclass(frozen=True, slots=True)
class MonthTask:
    """`source` reaches over the days of `working` and `celsius` (days,), which end with the month.

    The month's last `month_days` are encoded; typical days are of the policy's window.
    """

    area: str
    points: tuple[str, ...]
    source: Source
    coding: Coding | None
    policy: ProfilePolicy
    working: NDArray[np.bool_]
    celsius: NDArray[np.float64] | None
    month_days: int


@dataclass(frozen=True, slots=True)
class PointMonth:
    """What a month gives of one point; days as indices from the first of the source, -1 for none."""

    point: str
    first: int
    valid_days: int
    coverage: float | None
    estimated: float | None
    work: int
    off: int
    max_day: int
    mean_day: int
    work_kw: bytes | None
    off_kw: bytes | None
    base_kw: float | None
    peak_kw: float | None
    temperature: Sensitivity
    habits: Habits


@dataclass(frozen=True, slots=True)
class MonthDone:
    points: tuple[PointMonth, ...]
    encoded: Encoded


def encode(task: EncodeTask) -> Encoded:
    parts = days_of(task.source, sorted(points_in(task.source) - task.without), task.policy)
    return _joined([(each.points, task.coding.of(each)) for each in parts])


def sample(task: SampleTask) -> NDArray[np.float32]:
    """float32 (days, slots) shapes by quarters of an hour."""
    parts = days_of(task.source, task.points, task.policy)
    rows = [_shapes(each, each.shaped) for each in parts]
    every = np.concatenate(rows) if rows else np.empty((0, 96), np.float32)
    if len(every) <= task.days:
        return every
    random = np.random.default_rng([task.seed, zlib.crc32(task.area.encode())])
    return every[np.sort(random.choice(len(every), task.days, replace=False))]


def month(task: MonthTask) -> MonthDone:
    parts = days_of(task.source, task.points, task.policy)
    points: list[PointMonth] = []
    codes: list[tuple[Sequence[str], NDArray[np.int16]]] = []
    for each in parts:
        mine = _codes(each, task)
        points += _points(each, mine, task)
        codes.append((each.points, mine))
    return MonthDone(tuple(points), _joined(codes))


def _codes(days: Days, task: MonthTask) -> NDArray[np.int16]:
    late = _last(days, task.month_days)
    if task.coding is None:
        return np.full(late.shaped.shape, shapes.NONE, np.int16)
    return task.coding.of(late)


def _points(days: Days, codes: NDArray[np.int16], task: MonthTask) -> list[PointMonth]:
    window = _last(days, task.policy.window_days)
    offset = days.kwh.shape[1] - window.kwh.shape[1]
    working = task.working[offset:]
    hours = np.float32(24 / days.kwh.shape[2])
    kw = _filled(window) / hours
    found = typical(kw, window.counts, working)
    degrees = _degrees(days, task)
    slots, valid, guessed = window.slots, window.valid_slots, window.estimated_slots
    first = np.where(valid.any(axis=1), (valid > 0).argmax(axis=1), valid.shape[1] - 1)
    result = []
    for row, (point, own) in enumerate(zip(days.points, habits(codes), strict=True)):
        begin, seen = int(first[row]), int(valid[row].sum())
        expected = int(slots[begin:].sum())
        result.append(
            PointMonth(
                point,
                offset + begin,
                int(window.counts[row].sum()),
                seen / expected if expected else None,
                int(guessed[row].sum()) / seen if seen else None,
                _place(found.work[row], offset),
                _place(found.off[row], offset),
                _place(found.max_day[row], offset),
                _place(found.mean_day[row], offset),
                _bytes(kw, row, int(found.work[row])),
                _bytes(kw, row, int(found.off[row])),
                _number(found.base_kw[row]),
                _number(found.peak_kw[row]),
                degrees[row],
                own,
            )
        )
    return result


def _degrees(days: Days, task: MonthTask) -> list[Sensitivity]:
    if task.celsius is None:
        return [Sensitivity(0, reason=NO_WEATHER)] * len(days.points)
    energy = np.where(days.counts, days.energy_kwh, np.nan)
    return sensitivities(energy, task.celsius, ~task.working, task.policy.temperature.limits)


def _last(days: Days, number: int) -> Days:
    part = np.s_[:, -number:]
    return replace(
        days,
        kwh=days.kwh[part],
        slots=days.slots[-number:],
        valid_slots=days.valid_slots[part],
        estimated_slots=days.estimated_slots[part],
        energy_kwh=days.energy_kwh[part],
        counts=days.counts[part],
        shaped=days.shaped[part],
    )


def _filled(days: Days) -> NDArray[np.float32]:
    """(points, days, labels) with small holes of days that count closed, and 0 where nothing counts."""
    kwh = np.where(days.counts[:, :, None], days.kwh, np.float32(0))
    return shapes.filled(kwh.reshape(-1, kwh.shape[2])).reshape(kwh.shape)


def _shapes(days: Days, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    return quarters(shapes.shapes_of(days.kwh.reshape(-1, days.kwh.shape[2]), chosen.ravel()))


def _joined(parts: Sequence[tuple[Sequence[str], NDArray[np.int16]]]) -> Encoded:
    names = [name for points, _ in parts for name in points]
    order = sorted(range(len(names)), key=names.__getitem__)
    codes = np.concatenate([codes for _, codes in parts]) if parts else np.empty((0, 0), np.int16)
    return Encoded(tuple(names[each] for each in order), codes[order])


def _place(day: np.int64, offset: int) -> int:
    return -1 if day < 0 else int(day) + offset


def _bytes(kw: NDArray[np.float32], row: int, day: int) -> bytes | None:
    return None if day < 0 else kw[row, day].astype("<f4").tobytes()


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)
