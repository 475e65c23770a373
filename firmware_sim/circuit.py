"""What flows through a meter, phase by phase, and what an interruption keeps from flowing.

A counter is the load's closed sum less the energy not taken. That part grows only while a phase is dark and
never shrinks; all of it is whole numbers, so a counter stands still in an outage and never falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Protocol

from firmware_sim.loads import Bands, Load

Phases = tuple[float, float, float]
Shares = tuple[int, int, int]
"""How a load spreads over phases A, B, C, in parts of WHOLE."""
WHOLE = 1 << 20
_NOTHING: Bands = (0, 0, 0, 0)
_KEPT_GAPS = 64


class Circuit(Protocol):
    """Phases are the area's A, B, C (0..2). Times are Unix seconds."""

    def live(self, phase: int) -> bool: ...

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        """Active and reactive power by phase, W and var."""
        ...

    def energy_mwh(self, t_s: float) -> int: ...

    def reactive_varh(self, t_s: float) -> float: ...

    def bands_mwh(self, t_s: float) -> Bands:
        """The energy by tariff 1..4."""
        ...


@dataclass(slots=True)
class _Gap:
    """A phase without supply: the load's sums when it began, and all energy not taken before and after it."""

    start_s: float
    end_s: float
    at_start: Bands
    lost_before: Bands
    lost_after: Bands


class LoadCircuit:
    """One load on one or three phases."""

    __slots__ = ("_gaps", "_load", "_shares", "_tan")

    def __init__(self, load: Load, shares: Shares) -> None:
        self._load = load
        self._shares = shares
        self._tan = sqrt(1 / load.power_factor**2 - 1)
        self._gaps: tuple[list[_Gap], list[_Gap], list[_Gap]] | None = None
        """By phase, oldest first; made by the first fault, as most meters never see one."""

    def live(self, phase: int) -> bool:
        return not (self._gaps and self._gaps[phase] and self._gaps[phase][-1].end_s == inf)

    def darken(self, phase: int, t_s: float) -> None:
        if not self.live(phase):
            return
        self._gaps = self._gaps or ([], [], [])
        gaps = self._gaps[phase]
        lost = gaps[-1].lost_after if gaps else _NOTHING
        gaps.append(_Gap(t_s, inf, self._load.bands_mwh(t_s), lost, lost))
        del gaps[:-_KEPT_GAPS]

    def relight(self, phase: int, t_s: float) -> None:
        if self.live(phase):
            return
        assert self._gaps is not None
        gap = self._gaps[phase][-1]
        gap.lost_after = _lost_in(gap, self._load.bands_mwh(t_s))
        gap.end_s = t_s

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        power, tan = self._load.power_w(t_s) / WHOLE, self._tan
        a, b, c = (
            power * share if share and self.live(phase) else 0.0 for phase, share in enumerate(self._shares)
        )
        return (a, b, c), (a * tan, b * tan, c * tan)

    def energy_mwh(self, t_s: float) -> int:
        return self._load.energy_mwh(t_s) if self._gaps is None else sum(self.bands_mwh(t_s))

    def reactive_varh(self, t_s: float) -> float:
        return self._tan * self.energy_mwh(t_s) / 1000

    def bands_mwh(self, t_s: float) -> Bands:
        bands = self._load.bands_mwh(t_s)
        if self._gaps is None:
            return bands
        lost = [
            (share, _lost_by(gaps, t_s, bands)) for share, gaps in zip(self._shares, self._gaps, strict=True)
        ]
        a, b, c, d = (
            band - sum(share * of[n] for share, of in lost) // WHOLE for n, band in enumerate(bands)
        )
        return a, b, c, d


def _lost_in(gap: _Gap, now: Bands) -> Bands:
    """Energy not taken up to now, as if the phase carried the whole load."""
    a, b, c, d = (
        before + present - then
        for before, present, then in zip(gap.lost_before, now, gap.at_start, strict=True)
    )
    return a, b, c, d


def _lost_by(gaps: Sequence[_Gap], t_s: float, now: Bands) -> Bands:
    """The same at any instant, also a past one, when the load's sums were `now`."""
    for gap in reversed(gaps):
        if t_s >= gap.end_s:
            return gap.lost_after
        if t_s >= gap.start_s:
            return _lost_in(gap, now)
    return _NOTHING


class AreaCircuit:
    """What the area meter sees: its customers, the copper losses in proportion, the transformer's iron."""

    __slots__ = ("_copper", "_iron", "_members")

    def __init__(self, members: Sequence[Circuit], copper_loss: float, iron: LoadCircuit) -> None:
        self._members = members
        self._copper = int(copper_loss * WHOLE)
        self._iron = iron

    def live(self, phase: int) -> bool:
        return self._iron.live(phase)

    def darken(self, phase: int, t_s: float) -> None:
        self._iron.darken(phase, t_s)

    def relight(self, phase: int, t_s: float) -> None:
        self._iron.relight(phase, t_s)

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        (a, b, c), (qa, qb, qc) = self._iron.powers(t_s)
        factor = 1 + self._copper / WHOLE
        for member in self._members:
            (pa, pb, pc), (ra, rb, rc) = member.powers(t_s)
            a, b, c = a + factor * pa, b + factor * pb, c + factor * pc
            qa, qb, qc = qa + factor * ra, qb + factor * rb, qc + factor * rc
        return (a, b, c), (qa, qb, qc)

    def energy_mwh(self, t_s: float) -> int:
        taken = sum(member.energy_mwh(t_s) for member in self._members)
        return self._iron.energy_mwh(t_s) + self._with_copper(taken)

    def reactive_varh(self, t_s: float) -> float:
        taken = sum(member.reactive_varh(t_s) for member in self._members)
        return self._iron.reactive_varh(t_s) + (1 + self._copper / WHOLE) * taken

    def bands_mwh(self, t_s: float) -> Bands:
        members = [member.bands_mwh(t_s) for member in self._members]
        a, b, c, d = (
            iron + self._with_copper(sum(bands[n] for bands in members))
            for n, iron in enumerate(self._iron.bands_mwh(t_s))
        )
        return a, b, c, d

    def _with_copper(self, energy: int) -> int:
        return energy + energy * self._copper // WHOLE
