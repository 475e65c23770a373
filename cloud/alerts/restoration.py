"""Follows an outage from its first dark meter to its end: who joined, whose voltage is back, when it is over.

A meter is restored only by a voltage of its own that came after the darkness and stayed to be read again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud.alerts.policy import SupplyPolicy
from cloud.alerts.rules import Dark, State


@dataclass(frozen=True, slots=True)
class OutMeter:
    """A meter of an outage. `dark_at`, `back_at` (first voltage since) are the gateway's time."""

    meter: str
    dark_at: datetime
    back_at: datetime | None = None
    restored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one meter now, and the gateway's time of its newest voltage."""

    state: State
    voltages_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """`changed` are rows to be saved, `joined` those of them that are newly (or again) dark."""

    changed: tuple[OutMeter, ...] = ()
    joined: tuple[Dark, ...] = ()
    restored: tuple[str, ...] = ()
    over: bool = False
    left_dark: tuple[str, ...] = ()


def follow(
    rows: Mapping[str, OutMeter],
    sightings: Mapping[str, Sighting],
    dark: tuple[Dark, ...],
    now: datetime,
    policy: SupplyPolicy,
) -> Step:
    """One step of an outage. `dark` are the area's meters proven dark now; empty once the alert is closed."""
    moved = {key: _watched(row, sightings.get(key), now, policy) for key, row in rows.items()}
    joined = tuple(
        each for each in dark if each.meter not in rows or rows[each.meter].restored_at is not None
    )
    moved |= {each.meter: OutMeter(each.meter, each.at) for each in joined}
    restored = tuple(
        key for key, row in moved.items() if row.restored_at == now and rows[key].restored_at is None
    )
    changed = tuple(row for key, row in moved.items() if rows.get(key) != row)
    over, left = _end(moved.values(), now, policy)
    return Step(changed, joined, restored, over, left)


def _watched(row: OutMeter, seen: Sighting | None, now: datetime, policy: SupplyPolicy) -> OutMeter:
    if row.restored_at is not None or seen is None or seen.state is State.UNKNOWN:
        return row
    if seen.state is not State.SUPPLIED:
        return replace(row, back_at=None)
    if seen.voltages_at is None or seen.voltages_at <= row.dark_at:
        return row
    back_at = row.back_at or seen.voltages_at  # two readings apart: one may have met a short return
    stayed = seen.voltages_at - back_at >= timedelta(seconds=policy.restored_after_s)
    return replace(row, back_at=back_at, restored_at=now if stayed else None)


def _end(rows: Iterable[OutMeter], now: datetime, policy: SupplyPolicy) -> tuple[bool, tuple[str, ...]]:
    """Over when all are back, or when too few for an outage stay dark long after the others."""
    everyone = list(rows)
    waiting = [row for row in everyone if row.restored_at is None]
    if not waiting:
        return bool(everyone), ()
    back = [row.restored_at for row in everyone if row.restored_at is not None]
    few = len(waiting) < policy.min_meters and bool(back) and all(row.back_at is None for row in waiting)
    if few and now - max(back) >= timedelta(seconds=policy.stragglers_s):
        return True, tuple(row.meter for row in waiting)
    return False, ()
