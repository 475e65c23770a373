"""What flows through a meter, phase by phase, and what an interruption keeps from flowing.

A counter is the load's closed sum less the energy not taken. That part grows only while a phase is dark and
never shrinks, so a counter stands still in an outage and never falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf, sqrt
from typing import Protocol

from firmware_sim.loads import Load

Phases = tuple[float, float, float]
Sums = tuple[float, ...]
"""Energy in total and by tariff 1..4, Wh."""
_NOTHING: Sums = (0.0,) * 5
_KEPT_GAPS = 64


class Circuit(Protocol):
    """Phases are the area's A, B, C (0..2). Times are Unix seconds."""

    def live(self, phase: int) -> bool: ...

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        """Active and reactive power by phase, W and var."""
        ...

    def energy_wh(self, t_s: float) -> float: ...

    def reactive_varh(self, t_s: float) -> float: ...

    def bands_wh(self, t_s: float) -> Sums:
        """The energy by tariff 1..4."""
        ...


@dataclass(slots=True)
class _Gap:
    """A phase without supply: the load's sums when it began, and all energy not taken before and after it."""

    start_s: float
    end_s: float
    at_start: Sums
    lost_before: Sums
    lost_after: Sums


class LoadCircuit:
    """One load on one or three phases."""

    __slots__ = ("_gaps", "_load", "_shares", "_tan")

    def __init__(self, load: Load, shares: Phases) -> None:
        self._load = load
        self._shares = shares
        self._tan = sqrt(1 / load.power_factor**2 - 1)
        self._gaps: tuple[list[_Gap], ...] | None = None
        """By phase, oldest first; made by the first fault, as most meters never see one."""

    def live(self, phase: int) -> bool:
        return not (self._gaps and self._gaps[phase] and self._gaps[phase][-1].end_s == inf)

    def darken(self, phase: int, t_s: float) -> None:
        if not self.live(phase):
            return
        self._gaps = self._gaps or ([], [], [])
        gaps = self._gaps[phase]
        lost = gaps[-1].lost_after if gaps else _NOTHING
        gaps.append(_Gap(t_s, inf, self._sums(t_s), lost, lost))
        del gaps[:-_KEPT_GAPS]

    def relight(self, phase: int, t_s: float) -> None:
        """Note what was not taken, a hair less than it was, so that rounding never makes a counter fall."""
        if self.live(phase):
            return
        assert self._gaps is not None
        gap = self._gaps[phase][-1]
        lost = zip(gap.lost_before, self._sums(t_s), gap.at_start, strict=True)
        gap.end_s = t_s
        gap.lost_after = tuple(max(before, _little_less(before + now - old)) for before, now, old in lost)

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        power, tan = self._load.power_w(t_s), self._tan
        a, b, c = (
            power * share if share and self.live(phase) else 0.0 for phase, share in enumerate(self._shares)
        )
        return (a, b, c), (a * tan, b * tan, c * tan)

    def energy_wh(self, t_s: float) -> float:
        energy = self._load.energy_wh(t_s)
        return energy if self._gaps is None else self._taken(t_s, energy, 0)

    def reactive_varh(self, t_s: float) -> float:
        return self._tan * self.energy_wh(t_s)

    def bands_wh(self, t_s: float) -> Sums:
        bands = self._load.bands_wh(t_s)
        return bands if self._gaps is None else tuple(self._taken(t_s, e, 1 + n) for n, e in enumerate(bands))

    def _sums(self, t_s: float) -> Sums:
        return (self._load.energy_wh(t_s), *self._load.bands_wh(t_s))

    def _taken(self, t_s: float, energy: float, which: int) -> float:
        return sum(
            share * self._phase_taken(phase, t_s, energy, which)
            for phase, share in enumerate(self._shares)
            if share
        )

    def _phase_taken(self, phase: int, t_s: float, energy: float, which: int) -> float:
        assert self._gaps is not None
        for gap in reversed(self._gaps[phase]):
            if t_s >= gap.end_s:
                return energy - gap.lost_after[which]
            if t_s >= gap.start_s:
                return gap.at_start[which] - gap.lost_before[which]
        return energy


def _little_less(energy: float) -> float:
    return floor(energy * 1024 - 1) / 1024


class AreaCircuit:
    """What the area meter sees: its customers, the copper losses in proportion, the transformer's iron."""

    __slots__ = ("_factor", "_iron", "_members")

    def __init__(self, members: Sequence[Circuit], copper_loss: float, iron: LoadCircuit) -> None:
        self._members = members
        self._factor = 1 + copper_loss
        self._iron = iron

    def live(self, phase: int) -> bool:
        return self._iron.live(phase)

    def darken(self, phase: int, t_s: float) -> None:
        self._iron.darken(phase, t_s)

    def relight(self, phase: int, t_s: float) -> None:
        self._iron.relight(phase, t_s)

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        (a, b, c), (qa, qb, qc) = self._iron.powers(t_s)
        factor = self._factor
        for member in self._members:
            (pa, pb, pc), (ra, rb, rc) = member.powers(t_s)
            a, b, c = a + factor * pa, b + factor * pb, c + factor * pc
            qa, qb, qc = qa + factor * ra, qb + factor * rb, qc + factor * rc
        return (a, b, c), (qa, qb, qc)

    def energy_wh(self, t_s: float) -> float:
        taken = sum(member.energy_wh(t_s) for member in self._members)
        return self._iron.energy_wh(t_s) + self._factor * taken

    def reactive_varh(self, t_s: float) -> float:
        taken = sum(member.reactive_varh(t_s) for member in self._members)
        return self._iron.reactive_varh(t_s) + self._factor * taken

    def bands_wh(self, t_s: float) -> Sums:
        sums = list(self._iron.bands_wh(t_s))
        for member in self._members:
            for n, band in enumerate(member.bands_wh(t_s)):
                sums[n] += self._factor * band
        return tuple(sums)
