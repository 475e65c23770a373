"""What the compiled scans must equal: the same rules in NumPy, plain enough to be read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.metering.vee.point_day import Flag

Limits = tuple[int, int, float, float, float, float, float]


@dataclass(frozen=True)
class Rows:
    energy: NDArray[Any]
    capacity: NDArray[np.float64]
    may_be_negative: NDArray[np.bool_]
    may_be_frozen: NDArray[np.bool_]
    zeros_before: NDArray[np.int32]


def scan(rows: Rows, limits: Limits) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """The flags (rows, slots), and the zeros that each row ends with."""
    zero_run, frozen_run, spike_ratio, spike_floor, cap_factor, step_ratio, step_floor = limits
    energy = rows.energy.astype(np.float64)
    room = np.where(rows.capacity > 0, rows.capacity, np.nan)[:, None]
    with np.errstate(invalid="ignore"):
        flags = np.where(np.isnan(energy), Flag.GAP, 0)
        flags |= np.where((energy < 0) & ~rows.may_be_negative[:, None], Flag.NEGATIVE, 0)
        flags |= np.where(energy > cap_factor * room, Flag.CAP, 0)
        flags[:, 1:] |= np.where(_steps(energy, step_ratio, np.nan_to_num(step_floor * room)), Flag.STEP, 0)
        flags |= np.where(_spikes(energy, spike_ratio, np.nan_to_num(spike_floor * room)), Flag.SPIKE, 0)
    zeros = _runs(energy == 0, rows.zeros_before)
    flags |= np.where(_whole(zeros, zero_run), Flag.ZERO_RUN, 0)
    same = np.zeros(energy.shape, np.bool_)
    same[:, 1:] = (energy[:, 1:] == energy[:, :-1]) & (energy[:, 1:] != 0)
    repeated = np.where(energy == 0, 0, _runs(same, np.zeros(len(energy), np.int32)) + 1)
    frozen = _whole(repeated, frozen_run) & ~rows.may_be_frozen[:, None]
    flags |= np.where(frozen, Flag.FROZEN, 0)
    return flags.astype(np.uint32), zeros[:, -1].astype(np.int32)


def _steps(energy: NDArray[Any], ratio: float, floor: NDArray[Any]) -> NDArray[np.bool_]:
    before, now = energy[:, :-1], energy[:, 1:]
    base = np.fmax(before, floor)
    return np.asarray((base > 0) & (np.abs(now - before) > ratio * base))


def _spikes(energy: NDArray[Any], ratio: float, floor: NDArray[Any]) -> NDArray[np.bool_]:
    ordered = np.sort(np.where(np.isnan(energy), -np.inf, energy), axis=1)
    third = ordered[:, -3][:, None]
    return np.asarray((third > 0) & (energy - third > ratio * third) & (energy > floor))


def _runs(hit: NDArray[np.bool_], before: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many in a row up to each slot, where there is one."""
    count = np.zeros(hit.shape, np.int64)
    run = before.astype(np.int64)
    for slot in range(hit.shape[1]):
        run = np.where(hit[:, slot], run + 1, 0)
        count[:, slot] = run
    return count


def _whole(count: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    """The slots of each run that gets as long as `least`."""
    found = np.zeros(count.shape, np.bool_)
    left = np.zeros(len(count), np.int64)
    for slot in reversed(range(count.shape[1])):
        left = np.where(count[:, slot] >= least, np.maximum(left, count[:, slot]), left)
        found[:, slot] = left > 0
        left = np.where(count[:, slot] > 0, np.maximum(left - 1, 0), 0)
    return found
