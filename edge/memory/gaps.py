"""Which slots of each meter have an accepted value, which have none, since when and why.

A slot is struck off after its reading was accepted, that is committed to the outbox, and never before. So
whatever is killed when, the worst that happens is that a value is read twice under the same identity.
"""

import logging
import sqlite3
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge.clock import Clock, can_date
from edge.memory.spans import Reason, Span, Spans, painted, reasoned, waiting, within
from edge.memory.states import SLOT_MS, MeterState, StateFile
from edge.schedule import SLOT_FROM_S
from edge.seldom import Seldom
from edge.settings import MeterSettings, Settings
from protocols import models
from protocols.readings import Quality, Reading, Source

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
FAR_MS: Final = 1 << 52
NOT_BEGUN: Final = 0
"""`closed_ms` of a meter that was first seen while there was no valid time."""
LISTED_DAYS: Final = 62
"""A gap is forgotten after so long: no meter remembers further back."""
GRACE_MS: Final = 60_000
"""What was read at the end of a slot has so long to be committed before the slot is called missing."""
SAVE_S: Final = 60.0
LAZY_S: Final = 3600.0
_READ_AGAIN: Final = ("closed_ms", "covered", "last_wh", "last_at_ms", "last_sure_ms")
MAIN: Final = "energy_import_wh"
_MOST_UNSURE: Final = 20_000
_MOST_SPANS: Final = 4000
_FULL_WH: Final = 10**9
_NEAR_FULL_WH: Final = _FULL_WH // 20


@dataclass(frozen=True, slots=True)
class Gap:
    """Slots of a meter from `first_ms` up to, not including, `until_ms` without a value, and why."""

    meter: str
    first_ms: int
    until_ms: int
    slots: int
    reason: Reason


class Gaps:
    """Everything but `listing` is called in one thread."""

    def __init__(self, path: Path, settings: Settings, clock: Clock) -> None:
        self._clock, self._file = clock, StateFile(path, clock)
        self._seldom = Seldom(log, clock)
        self._states: dict[str, MeterState] = {}
        self._kept: dict[str, MeterState] = {}  # of meters that are not in the settings now
        self._dirty: set[str] = set()
        self._lazy: set[str] = set()
        self._saved_s = self._kept_s = clock.monotonic_s()
        self.trusted = False
        """Whether the gateway's time is valid: without, nothing is judged."""
        self._unsure: deque[Reading] = deque(maxlen=_MOST_UNSURE)
        try:
            self._kept = self._file.load()
        except sqlite3.Error as error:
            log.error("%s: gaps of before cannot be read (%s)", path, error)  # noqa: TRY400
        self.begin(settings)

    def begin(self, settings: Settings) -> None:
        """These meters from now on; one under whose name another device hangs begins anew."""
        now_ms = self._clock.now_ms()
        self._grace_ms = GRACE_MS + round(settings.outbox.batch_age_s * 1000)
        self._kept |= self._states
        self._states = {}
        for meter in settings.meters:
            known = self._kept.pop(meter.id, None)
            self._states[meter.id] = self._begun(meter, known, now_ms)
            self._dirty.add(meter.id)

    def _begun(self, meter: MeterSettings, known: MeterState | None, now_ms: int) -> MeterState:
        identity = identity_of(meter)
        slot_ms = meter.interval_s * 1000 if meter.interval_s >= SLOT_FROM_S else SLOT_MS
        if known is None:
            closed_ms = _floor(now_ms, slot_ms) if can_date(now_ms) else NOT_BEGUN
            return MeterState(identity=identity, slot_ms=slot_ms, since_ms=0, closed_ms=closed_ms)
        if known.slot_ms != slot_ms:
            # What was judged by other slots stays so; the last one is finished by the new.
            known = msgspec.structs.replace(
                known, slot_ms=slot_ms, closed_ms=_floor(known.closed_ms, slot_ms)
            )
        if known.identity != identity:
            log.warning("meter %s: another device now (%s, was %s)", meter.id, identity, known.identity)
            known = _exchanged(_judged(known, now_ms), identity, now_ms)
        return known

    # -- what happens -------------------------------------------------------------------------------------

    def __getitem__(self, meter: str) -> MeterState:
        return self._states[meter]

    def __contains__(self, meter: str) -> bool:
        return meter in self._states

    @property
    def states(self) -> Mapping[str, MeterState]:
        return self._states

    def accepted(self, readings: Iterable[Reading]) -> list[str]:
        """Those are committed: strike off their slots. Gives the meters that turned out to be exchanged."""
        exchanged = []
        for reading in readings:
            state = self._states.get(reading.meter)
            if state is None or not counts(reading, state):
                continue
            if reading.source is Source.POLLED and self._register(reading, state):
                exchanged.append(reading.meter)
            if reading.quality is Quality.CLOCK_UNSURE and not self.trusted:
                self._unsure.append(reading)
            else:
                self._strike(reading)
        return exchanged

    def trust(self) -> None:
        """The gateway's time is valid, and was all along: it did not jump."""
        self.trusted = True
        for reading in self._unsure:
            if reading.meter in self._states:
                self._strike(reading)
        self._unsure.clear()

    def _strike(self, reading: Reading) -> None:
        meter, state = reading.meter, self._states[reading.meter]
        slot = _floor(reading.at_ms, state.slot_ms)
        if slot >= state.closed_ms:
            if slot not in state.covered:
                self.change(meter, covered=(*state.covered, slot))
        elif reading.source is Source.POLLED or slot == reading.at_ms:
            self.change(meter, gaps=painted(state.gaps, slot, slot + state.slot_ms, None))

    def _register(self, reading: Reading, state: MeterState) -> bool:
        """Note the register; True when it fell as it does only where another meter hangs."""
        value = reading.values.get(MAIN)
        if not isinstance(value, int) or reading.at_ms < state.last_at_ms:
            return False
        if self.trusted and reading.at_ms - state.last_at_ms > state.slot_ms:
            # What lies between is a gap, and the register before it is known now.
            self._put(reading.meter, _judged(state, reading.at_ms))
        fell = state.last_wh is not None and value < state.last_wh
        if fell and rolled_over(state.last_wh or 0, value):
            log.warning(
                "meter %s: its register began again: %s Wh, then %s", reading.meter, state.last_wh, value
            )
        elif fell:
            log.warning(
                "meter %s: its register fell from %s to %s Wh: its memory of before is taken for nobody's",
                reading.meter, state.last_wh, value,
            )  # fmt: skip
            self.exchanged(reading.meter, reading.at_ms)
        at_ms = reading.at_ms if self.trusted else 0  # else it was read, and nobody knows when
        self.change(reading.meter, last_wh=value, last_at_ms=at_ms, last_sure_ms=at_ms)
        return fell and not rolled_over(state.last_wh or 0, value)

    def exchanged(self, meter: str, at_ms: int) -> None:
        """Another meter hangs there at the latest since then: its memory of before is not this place's."""
        state = _judged(self._states[meter], at_ms)
        self._put(meter, _exchanged(state, state.identity, at_ms))

    def close_slots(self, now_ms: int) -> list[str]:
        """Judge the slots that are over; the meters of which one is missing now."""
        found = []
        for meter, state in self._states.items():
            if now_ms >= state.closed_ms + state.slot_ms + self._grace_ms:
                closed = _judged(state, now_ms - self._grace_ms)
                if closed.gaps != state.gaps:
                    found.append(meter)
                self._put(meter, closed)
        return found

    def stepped(self, to_ms: int, since_ms: int) -> None:
        """The wall clock jumped, to that; what it had dated since `since_ms` is not to be relied upon."""
        self._unsure.clear()
        for meter, state in self._states.items():
            closed = _floor(min(to_ms, state.closed_ms), state.slot_ms)
            first = min(_floor(max(since_ms, state.since_ms), state.slot_ms), closed)
            gaps = painted(_doubted_no_more(state.gaps, to_ms), closed, FAR_MS, None)
            gaps = painted(gaps, first, closed, Span(first, closed))
            self.change(
                meter,
                gaps=gaps,
                closed_ms=closed,
                covered=(),
                offsets=tuple(each for each in state.offsets if each.at_ms < since_ms),
                last_at_ms=to_ms,
                last_sure_ms=0,
            )

    def reason(self, meter: str, first_ms: int, until_ms: int, reason: Reason) -> None:
        state = self._states[meter]
        self.change(meter, gaps=reasoned(state.gaps, first_ms, until_ms, reason))

    def want(self, meter: str, first_ms: int, until_ms: int) -> None:
        """Read those slots from the meter's memory (again), whatever is known of them."""
        state = self._states[meter]
        first = _floor(max(first_ms, state.since_ms), state.slot_ms)
        last = min(-_floor(-until_ms, state.slot_ms), state.closed_ms)
        self.change(meter, gaps=painted(state.gaps, first, last, Span(first, last)))

    def age(self, now_ms: int, days: int) -> None:
        """What lies beyond memory.days waits no longer; what lies beyond all memory is forgotten."""
        for meter, state in list(self._states.items()):
            gaps = reasoned(state.gaps, 0, _floor(now_ms - days * DAY_MS, state.slot_ms), Reason.TOO_OLD)
            gaps = painted(gaps, 0, _floor(now_ms - LISTED_DAYS * DAY_MS, state.slot_ms), None)
            if gaps != state.gaps:
                self.change(meter, gaps=gaps)

    def change(self, meter: str, **fields: object) -> None:
        self._put(meter, msgspec.structs.replace(self._states[meter], **fields))

    def _put(self, meter: str, state: MeterState) -> None:
        before = self._states[meter]
        if state != before:
            self._states[meter] = state
            weak = {name: getattr(before, name) for name in _READ_AGAIN}
            alike = msgspec.structs.replace(state, **weak) == before
            (self._lazy if alike else self._dirty).add(meter)

    # -- what can be known --------------------------------------------------------------------------------

    def listing(self, meter: str | None = None) -> list[Gap]:
        """All gaps, or those of one meter, oldest first; callable from any thread."""
        states = dict(self._states)
        return [
            Gap(name, span.first_ms, span.until_ms, _slots(span, state), span.reason)
            for name, state in states.items()
            if meter in (None, name)
            for span in state.gaps
        ]  # fmt: skip

    def waiting(self, meter: str) -> list[Span]:
        return list(waiting(self._states[meter].gaps))

    def slots_by_reason(self, meter: str, first_ms: int, until_ms: int) -> dict[Reason, int]:
        state = self._states[meter]
        found: dict[Reason, int] = {}
        for span in within(state.gaps, first_ms, until_ms):
            found[span.reason] = found.get(span.reason, 0) + _slots(span, state)
        return found

    # -- the disk -----------------------------------------------------------------------------------------

    def save(self, *, now: bool = False) -> None:
        """Keep what changed, at most once a minute; a disk that fails is told of, and tried again.

        What a kill would only make us read a second time is kept once an hour: flash wears out.
        """
        now_s = self._clock.monotonic_s()
        if now or now_s - self._kept_s >= LAZY_S:
            self._kept_s = now_s
            self._dirty |= self._lazy
        elif now_s - self._saved_s < SAVE_S:
            return
        if not self._dirty:
            return
        self._saved_s = now_s
        try:
            self._file.save({meter: self._states[meter] for meter in self._dirty if meter in self._states})
        except sqlite3.Error as error:
            self._seldom.tell("disk", logging.ERROR, "the list of gaps cannot be kept: %s", error)
        else:
            self._lazy -= self._dirty
            self._dirty.clear()

    def close(self) -> None:
        self.save(now=True)
        self._file.close()


def identity_of(meter: MeterSettings) -> str:
    return f"{meter.model} {meter.address or meter.unit}"


def counts(reading: Reading, state: MeterState) -> bool:
    """Whether it gives a slot its value: with the register, where the meter's model has one."""
    flagged = reading.quality is Quality.METER_CLOCK_OFF
    if reading.source not in (Source.POLLED, Source.PROFILE) or flagged:
        return False
    return MAIN in reading.values or (MAIN not in quantities(state.identity.rpartition(" ")[0]) and any(
        name != "clock_offset_s" for name in reading.values
    ))  # fmt: skip


def quantities(model: str) -> frozenset[str]:
    """What a meter of that model is polled for."""
    found = models.load(model)
    return frozenset(point.quantity for point in found.points)


def rolled_over(before_wh: int, now_wh: int) -> bool:
    """Whether a register of XXXXXX.XX kWh was nearly full, and began again."""
    return before_wh % _FULL_WH > _FULL_WH - _NEAR_FULL_WH and now_wh < _NEAR_FULL_WH


def _doubted_no_more(gaps: Spans, now_ms: int) -> Spans:
    """A meter's clock seemed wrong: it may have been the gateway's."""
    for span in gaps:
        if span.reason is Reason.CLOCK_WRONG and span.until_ms > now_ms - 2 * DAY_MS:
            gaps = painted(gaps, span.first_ms, span.until_ms, Span(span.first_ms, span.until_ms))
    return gaps


def _judged(state: MeterState, until_ms: int) -> MeterState:
    """Slots that ended before then: what has no value is a gap."""
    slot_ms = state.slot_ms
    if state.closed_ms == NOT_BEGUN:
        return msgspec.structs.replace(state, closed_ms=_floor(until_ms, slot_ms))
    closed_ms = max(state.closed_ms, _floor(until_ms, slot_ms))
    gaps, at_ms = state.gaps, state.closed_ms
    for slot in sorted(slot for slot in state.covered if state.closed_ms <= slot < closed_ms):
        gaps = painted(gaps, at_ms, slot, Span(at_ms, slot, before_wh=_before(state, at_ms)))
        at_ms = slot + slot_ms
    gaps = painted(gaps, at_ms, closed_ms, Span(at_ms, closed_ms, before_wh=_before(state, at_ms)))
    covered = tuple(slot for slot in state.covered if slot >= closed_ms)
    return msgspec.structs.replace(state, gaps=gaps[-_MOST_SPANS:], closed_ms=closed_ms, covered=covered)


def _slots(span: Span, state: MeterState) -> int:
    return -(-(span.until_ms - span.first_ms) // state.slot_ms)


def _before(state: MeterState, at_ms: int) -> int | None:
    """The register before the gap, if it was read before it."""
    return state.last_wh if 0 < state.last_at_ms < at_ms else None


def _exchanged(state: MeterState, identity: str, at_ms: int) -> MeterState:
    """Begin anew with another device: what of the old one waits will never come."""
    return MeterState(
        identity=identity,
        slot_ms=state.slot_ms,
        since_ms=at_ms,
        closed_ms=state.closed_ms,
        covered=state.covered,
        gaps=reasoned(state.gaps, 0, at_ms, Reason.EXCHANGED),
        days={day: Reason.EXCHANGED if why is Reason.WAITING else why for day, why in state.days.items()},
        months={at: Reason.EXCHANGED if why is Reason.WAITING else why for at, why in state.months.items()},
        day_done=state.day_done,
        month_done=state.month_done,
    )


def _floor(at_ms: int, slot_ms: int) -> int:
    return at_ms - at_ms % slot_ms
