"""The schedule of one line: which meter is asked next.

Pure: wall time in seconds is passed in and may step either way. A silent meter gets what the others leave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.settings import MeterSettings

SILENT_FROM: Final = 2
"""Unanswered asks in a row from which a meter counts as silent."""
ENOUGH_ALIKE: Final = 3
"""So many neighbours in a row in the state they were believed in end a look around."""
SLOT_FROM_S: Final = 300
"""An interval from here on is a slot of somebody's load curve."""
CLOSE_S: Final = 0.001
"""A slot as close as this is the one just served: floating point, not time, has passed."""


@dataclass(slots=True)
class Entry:
    """`due_s` was set `wait_s` ahead; further ahead than that it can only be after a step of the clock.

    `look`: asked whether it is still there (or still not), besides its regular asks.
    """

    meter: MeterSettings
    place: int
    offset_s: float
    due_s: float
    wait_s: float = 0.0
    unanswered: int = 0
    deferred: int = 0
    look: bool = False

    @property
    def silent(self) -> bool:
        return self.unanswered >= SILENT_FROM


@dataclass(frozen=True, slots=True)
class Ask:
    """`probe`: one cheap question first. `read`: the reading is wanted once the probe is answered.

    `urgent`: a first silence to settle, or a look beside a meter that turned: an outage may begin or end.
    """

    meter: MeterSettings
    probe: bool
    read: bool
    late_s: float
    urgent: bool


class Schedule:
    """Regular asks fall on multiples of the interval since midnight UTC, each meter at its offset (`spread`).

    An interval of 900 s thus begins at each quarter-hour. The first ask of all is at once.
    """

    def __init__(
        self,
        meters: Sequence[MeterSettings],
        cost_s: Mapping[str, float],
        now_s: float,
        *,
        probe_s: float = 300.0,
        confirm_s: float = 2.0,
    ) -> None:
        self._probe_s, self._confirm_s = probe_s, confirm_s
        offsets = spread(meters, cost_s)
        self._entries = {
            each.id: Entry(each, place, offsets[each.id], now_s) for place, each in enumerate(meters)
        }
        self._turned_at = self._alike = 0

    def next(self, now_s: float) -> Ask | None:
        """The ask that is due now, or None."""
        self._mend_steps(now_s)
        due = [each for each in self._entries.values() if each.due_s <= now_s or each.look]
        if not due:
            return None
        first = min(due, key=lambda each: self._rank(each, now_s))
        regular = first.due_s <= now_s
        return Ask(
            meter=first.meter,
            probe=first.unanswered > 0 or not regular,
            read=first.silent or regular,
            late_s=max(0.0, now_s - first.due_s),
            urgent=first.look or 0 < first.unanswered < SILENT_FROM,
        )

    def wait_s(self, now_s: float) -> float:
        """How long until something is due; 0 when something is."""
        entries = self._entries.values()
        if any(each.look for each in entries):
            return 0.0
        return max(0.0, min(each.due_s for each in entries) - now_s)

    def answered(self, meter: str, now_s: float) -> bool:
        """A reading came, or a refusal: the meter is there. True when it had been silent."""
        entry = self._entries[meter]
        was_silent, entry.unanswered, entry.deferred = entry.silent, 0, 0
        self._wait(entry, now_s, self._until_slot_s(entry, now_s))
        self._seen(entry, turned=was_silent, alike=not was_silent)
        return was_silent

    def present(self, meter: str) -> None:
        """A look found the meter there, as was believed: its regular ask stays as it is."""
        self._seen(self._entries[meter], turned=False, alike=True)

    def unanswered(self, meter: str, now_s: float) -> bool:
        """Silence. True when the meter has just become silent."""
        entry = self._entries[meter]
        was_silent = entry.silent
        entry.unanswered += 1
        self._wait(entry, now_s, self._back_off_s(entry, now_s))
        self._seen(entry, turned=entry.silent and not was_silent, alike=was_silent)
        return entry.silent and not was_silent

    def deferred(self, meter: str, now_s: float) -> None:
        """Nothing is known (a broken line, a corrupt answer): the others first, the silence count stays."""
        entry = self._entries[meter]
        entry.look = False
        soon_s = self._confirm_s * 2.0 ** min(entry.deferred, 30)
        entry.deferred += 1
        self._wait(entry, now_s, min(soon_s, self._until_slot_s(entry, now_s)))

    def _rank(self, entry: Entry, now_s: float) -> tuple[int, float, int]:
        """A first silence is settled before all else: it may be an outage. Then who answers goes before
        who is silent, unless that one has waited a whole probe interval more.
        """
        late_s = now_s - entry.due_s
        if late_s < 0:
            return 2, (entry.place - self._turned_at) % len(self._entries), 0
        if 0 < entry.unanswered < SILENT_FROM:
            return -1, entry.due_s, 0
        starving = late_s >= self._probe_s
        return int(entry.silent and not starving), entry.due_s, entry.meter.interval_s

    def _until_slot_s(self, entry: Entry, now_s: float) -> float:
        """Seconds to the next slot of this meter; one that was missed is not made up for."""
        interval_s = entry.meter.interval_s
        left_s = -(now_s - entry.offset_s) % interval_s
        return left_s if left_s > CLOSE_S else left_s + interval_s

    def _back_off_s(self, entry: Entry, now_s: float) -> float:
        """Soon again to be sure, then ever less often; never later than the probe interval."""
        if not entry.silent:
            return min(self._confirm_s, self._until_slot_s(entry, now_s))
        doubled_s = entry.meter.interval_s * 2.0 ** min(entry.unanswered - SILENT_FROM, 30)
        return min(doubled_s, self._probe_s)

    def _wait(self, entry: Entry, now_s: float, wait_s: float) -> None:
        entry.wait_s, entry.due_s = wait_s, now_s + wait_s

    def _mend_steps(self, now_s: float) -> None:
        for entry in self._entries.values():
            if entry.due_s - now_s > entry.wait_s + 1.0:
                self._wait(entry, now_s, min(entry.wait_s, self._until_slot_s(entry, now_s)))

    def _seen(self, entry: Entry, turned: bool, alike: bool) -> None:
        """One meter that turns makes us look at those as it was, nearest first: they often turn together."""
        if turned:
            self._turned_at, self._alike = entry.place, 0
            for each in self._entries.values():
                each.look = each.silent != entry.silent
        elif entry.look:
            self._alike = self._alike + 1 if alike else 0
            entry.look = False
            if self._alike >= ENOUGH_ALIKE:
                for each in self._entries.values():
                    each.look = False


def spread(meters: Sequence[MeterSettings], cost_s: Mapping[str, float]) -> dict[str, float]:
    """Offset of each meter in its interval.

    Long intervals are slots whose boundary matters: one behind the other, as close to it as fits. Short ones
    are for watching: evenly, so that the line is looked at all the time and an outage shows soon.
    """
    offsets: dict[str, float] = {}
    for interval_s in sorted({meter.interval_s for meter in meters}):
        group = [meter for meter in meters if meter.interval_s == interval_s]
        total_s = sum(cost_s.get(meter.id, 0.0) for meter in group)
        even = interval_s < SLOT_FROM_S or total_s > interval_s
        at_s = 0.0
        for meter in group:
            offsets[meter.id] = at_s
            at_s += interval_s / len(group) if even else cost_s.get(meter.id, 0.0)
    return offsets
