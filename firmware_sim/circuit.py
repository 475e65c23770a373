"""What flows through a supply, phase by phase, and what an interruption keeps from flowing.

A counter is the load's closed sum less the energy not taken. That part grows only while a phase is dark or
its relay open and never shrinks; all of it is whole numbers, so a counter stands still then and never falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

from firmware_sim.loads import Bands, Load

Phases = tuple[float, float, float]
Shares = tuple[int, int, int]
"""How a load spreads over phases A, B, C, in parts of WHOLE."""
WHOLE = 1 << 20
_NOTHING = (0,) * 8
_KEPT_GAPS = 64
_EVER = 1e18
_TAKING, _OPEN, _DARK = range(3)
_Sums = tuple[int, ...]
"""mWh by tariff: four drawn and, where there is a feed, four fed back."""


class Circuit(Protocol):
    """Phases are the area's A, B, C (0..2). Times are Unix seconds; the past stays what it was."""

    def live(self, phase: int) -> bool: ...

    def live_at(self, phase: int, t_s: float) -> bool:
        """Whether there was voltage then."""
        ...

    def darken(self, phase: int, t_s: float) -> None: ...

    def relight(self, phase: int, t_s: float) -> None: ...

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        """Active and reactive power by phase, W and var; negative when energy flows back."""
        ...

    def energy_mwh(self, t_s: float) -> int: ...

    def reactive_varh(self, t_s: float) -> float: ...

    def bands_mwh(self, t_s: float) -> Bands:
        """The energy by tariff 1..4."""
        ...

    def fed_mwh(self, t_s: float) -> Bands:
        """The energy that flowed back, by tariff 1..4."""
        ...

    def remembered(self) -> "Interruptions | None":
        """All interruptions; None when there was none."""
        ...

    def remember(self, past: "Interruptions") -> None: ...


@dataclass(slots=True)
class Gap:
    """A phase that takes nothing: the load's sums when it began, and all not taken before and after it."""

    start_s: float
    end_s: float
    dark: bool
    at_start: _Sums
    lost_before: _Sums
    lost_after: _Sums


@dataclass(frozen=True, slots=True)
class Interruptions:
    """What must be kept of a circuit over a restart; `dark` has a bit for each phase."""

    dark: int
    closed: bool
    gaps: tuple[list[Gap], list[Gap], list[Gap]]


class LoadCircuit:
    """One load, and what may feed back, on one or three phases."""

    __slots__ = ("_closed", "_dark", "_feed", "_gaps", "_load", "_shares", "_tan")

    def __init__(self, load: Load, shares: Shares, feed: Load | None = None) -> None:
        self._load = load
        self._feed = feed
        self._shares = shares
        self._tan = sqrt(1 / load.power_factor**2 - 1)
        self._dark = 0
        self._closed = True
        self._gaps: tuple[list[Gap], list[Gap], list[Gap]] | None = None
        """By phase, oldest first; made by the first fault, as most meters never see one."""

    def live(self, phase: int) -> bool:
        return not self._dark >> phase & 1

    def live_at(self, phase: int, t_s: float) -> bool:
        gap = self._gap_at(phase, t_s)
        return gap is None or not gap.dark

    def darken(self, phase: int, t_s: float) -> None:
        self._dark |= 1 << phase
        self._move(phase, t_s)

    def relight(self, phase: int, t_s: float) -> None:
        self._dark &= ~(1 << phase)
        self._move(phase, t_s)

    def switch(self, closed: bool, t_s: float) -> None:
        """Take the load off, or put it on again, by a relay; the voltage before it stays."""
        self._closed = closed
        for phase in range(3):
            self._move(phase, t_s)

    def _move(self, phase: int, t_s: float) -> None:
        """End the gap that was and begin the one that is, when what the phase does has changed."""
        wanted = _DARK if not self.live(phase) else _TAKING if self._closed else _OPEN
        last = self._gaps[phase][-1] if self._gaps and self._gaps[phase] else None
        lasting = last if last is not None and last.end_s == _EVER else None
        if wanted == (_TAKING if lasting is None else _DARK if lasting.dark else _OPEN):
            return
        now = self._sums(t_s)
        if lasting is not None:
            lasting.lost_after = _lost_in(lasting, now)
            lasting.end_s = t_s
        if wanted == _TAKING:
            return
        self._gaps = self._gaps or ([], [], [])
        lost = last.lost_after if last is not None else _NOTHING[: len(now)]
        self._gaps[phase].append(Gap(t_s, _EVER, wanted == _DARK, now, lost, lost))
        del self._gaps[phase][:-_KEPT_GAPS]

    def _gap_at(self, phase: int, t_s: float) -> Gap | None:
        for gap in reversed(self._gaps[phase]) if self._gaps else ():
            if t_s >= gap.start_s:
                return gap if t_s < gap.end_s else None
        return None

    def powers(self, t_s: float) -> tuple[Phases, Phases]:
        drawn, tan = self._load.power_w(t_s) / WHOLE, self._tan
        power = drawn - self._feed.power_w(t_s) / WHOLE if self._feed else drawn
        a, b, c = (
            share if share and self._gap_at(phase, t_s) is None else 0
            for phase, share in enumerate(self._shares)
        )
        reactive = drawn * tan
        return (power * a, power * b, power * c), (reactive * a, reactive * b, reactive * c)

    def energy_mwh(self, t_s: float) -> int:
        return self._load.energy_mwh(t_s) if self._gaps is None else sum(self.bands_mwh(t_s))

    def reactive_varh(self, t_s: float) -> float:
        return self._tan * self.energy_mwh(t_s) / 1000

    def bands_mwh(self, t_s: float) -> Bands:
        if self._gaps is None:
            return self._load.bands_mwh(t_s)
        a, b, c, d = self._taken(t_s)[:4]
        return a, b, c, d

    def fed_mwh(self, t_s: float) -> Bands:
        if self._feed is None:
            return 0, 0, 0, 0
        if self._gaps is None:
            return self._feed.bands_mwh(t_s)
        a, b, c, d = self._taken(t_s)[4:]
        return a, b, c, d

    def _sums(self, t_s: float) -> _Sums:
        drawn = self._load.bands_mwh(t_s)
        return drawn if self._feed is None else (*drawn, *self._feed.bands_mwh(t_s))

    def _taken(self, t_s: float) -> _Sums:
        assert self._gaps is not None
        sums = self._sums(t_s)
        lost = [
            (share, _lost_by(gaps, t_s, sums)) for share, gaps in zip(self._shares, self._gaps, strict=True)
        ]
        return tuple(one - sum(share * of[n] for share, of in lost) // WHOLE for n, one in enumerate(sums))

    def remembered(self) -> "Interruptions | None":
        """All interruptions; None when there was none."""
        return None if self._gaps is None else Interruptions(self._dark, self._closed, self._gaps)

    def remember(self, past: "Interruptions") -> None:
        """Take the interruptions of a run before over."""
        self._dark, self._closed, self._gaps = past.dark, past.closed, past.gaps


def _lost_in(gap: Gap, now: _Sums) -> _Sums:
    """Energy not taken up to now, as if the phase carried the whole load."""
    return tuple(
        before + present - then
        for before, present, then in zip(gap.lost_before, now, gap.at_start, strict=True)
    )


def _lost_by(gaps: Sequence[Gap], t_s: float, now: _Sums) -> _Sums:
    """The same at any instant, also a past one, when the load's sums were `now`."""
    for gap in reversed(gaps):
        if t_s >= gap.end_s:
            return gap.lost_after
        if t_s >= gap.start_s:
            return _lost_in(gap, now)
    return gaps[0].lost_before if gaps else _NOTHING[: len(now)]


class AreaCircuit:
    """What the area meter sees: its customers, the copper losses in proportion, the transformer's iron.

    What customers feed back is counted beside what others draw and not set off against it, so that both
    sums stay closed; import less export is right, and power is the balance.
    """

    __slots__ = ("_copper", "_iron", "_members")

    def __init__(self, members: Sequence[Circuit], copper_loss: float, iron: LoadCircuit) -> None:
        self._members = members
        self._copper = int(copper_loss * WHOLE)
        self._iron = iron

    def live(self, phase: int) -> bool:
        return self._iron.live(phase)

    def live_at(self, phase: int, t_s: float) -> bool:
        return self._iron.live_at(phase, t_s)

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

    def fed_mwh(self, t_s: float) -> Bands:
        members = [member.fed_mwh(t_s) for member in self._members]
        a, b, c, d = (sum(bands[n] for bands in members) for n in range(4))
        return a, b, c, d

    def remembered(self) -> Interruptions | None:
        return self._iron.remembered()

    def remember(self, past: Interruptions) -> None:
        self._iron.remember(past)

    def _with_copper(self, energy: int) -> int:
        return energy + energy * self._copper // WHOLE
