"""Fills gaps from the meters' own load records, and finds the reason where there is none.

A value from memory bears the meter's own stamp. It is taken only if it lies between the registers that were
read before and after it, and flagged when the meter's clock cannot be relied upon.
"""

import logging
from collections.abc import Callable
from datetime import tzinfo
from typing import Final

from edge.clock import Clock
from edge.memory.asking import NONE, Fetched, Outages, fetch, outages
from edge.memory.clock import to_local
from edge.memory.errands import Errand
from edge.memory.gaps import DAY_MS, MAIN, Gaps, quantities, rolled_over
from edge.memory.spans import Reason, Span
from edge.settings import MeterSettings, Settings
from protocols import models
from protocols.clocks import Mapped, mapped_at
from protocols.readings import Quality, Reading, Source, Value

log = logging.getLogger(__name__)

REMEMBERS: Final = "dlt645-2007"
AT_ONCE: Final = 36
"""Slots of one errand: four questions of nine records."""
RECORDED_AFTER_MS: Final = 60_000
Accept = Callable[[Reading], bool]


class Backfill:
    """Called in one thread. What is offered to the outbox is not asked for again before it is accepted."""

    def __init__(self, gaps: Gaps, settings: Settings, clock: Clock, accept: Accept, zone: tzinfo) -> None:
        self._gaps, self._clock, self._accept = gaps, clock, accept
        self.settings, self.zone = settings, zone
        self._offered: dict[str, set[int]] = {}
        self._absent: dict[str, set[int]] = {}
        self._doubted: set[tuple[str, int]] = set()

    def hopeless(self, meter: MeterSettings) -> None:
        """Give a reason at once to what can never be filled."""
        state = self._gaps[meter.id]
        reason = self._hopeless(meter)
        if reason and self._gaps.waiting(meter.id):
            self._gaps.reason(meter.id, 0, state.closed_ms, reason)

    def _hopeless(self, meter: MeterSettings) -> Reason | None:
        state = self._gaps[meter.id]
        if models.load(meter.model).protocol != REMEMBERS:
            return Reason.NO_MEMORY
        if not (meter.memory and self.settings.memory.enabled):
            return Reason.SWITCHED_OFF
        if state.style == NONE:
            return Reason.REFUSED
        if state.offsets and abs(state.offsets[-1].offset_s) * 1000 > DAY_MS:
            return Reason.CLOCK_WRONG
        return None

    def again(self, meter: str) -> None:
        """Somebody orders it: what was refused once is tried anew."""
        self._gaps.change(meter, style="")

    def accepted(self, meter: str, at_ms: int) -> None:
        self._offered.get(meter, set()).discard(at_ms)

    def forget(self, meter: str) -> None:
        """Another meter hangs there."""
        for kept in (self._offered, self._absent):
            kept.pop(meter, None)

    def next(self, meter: MeterSettings) -> Errand | None:
        """What to ask this meter next; None: nothing is to be had now."""
        absent = self._absent.get(meter.id)
        if absent:
            since = to_local(min(absent), self.zone)
            return Errand(
                meter.id, "when it had no supply",
                lambda talk: outages(talk, since),
                lambda found: self._explain(meter.id, found),
            )  # fmt: skip
        slots = self._askable(meter.id)
        if not slots:
            return None
        state, zone = self._gaps[meter.id], self.zone
        return Errand(
            meter.id, "load records",
            lambda talk: fetch(talk, slots, state.slot_ms, state.style, zone),
            lambda found: self._take(meter, found, slots),
        )  # fmt: skip

    def _askable(self, meter: str) -> list[int]:
        """The oldest slots that wait and that the meter's own clock has passed."""
        state = self._gaps[meter]
        offset_s = state.offsets[-1].offset_s if state.offsets else 0.0
        shown_ms = self._clock.now_ms() + round(offset_s * 1000) - RECORDED_AFTER_MS
        taken = self._offered.get(meter, set())
        found: list[int] = []
        for span in self._gaps.waiting(meter):
            for slot in range(span.first_ms, span.until_ms, state.slot_ms):
                if slot not in taken and slot <= shown_ms:
                    found.append(slot)
                    if len(found) == AT_ONCE:
                        return found
        return found

    # -- what came back -----------------------------------------------------------------------------------

    def _take(self, meter: MeterSettings, fetched: Fetched, asked: list[int]) -> None:
        gaps, slot_ms = self._gaps, self._gaps[meter.id].slot_ms
        gaps.change(meter.id, style=fetched.style)
        if fetched.style == NONE:
            log.warning("meter %s: it refuses load records: its gaps stay", meter.id)
            gaps.reason(meter.id, 0, gaps[meter.id].closed_ms, Reason.REFUSED)
            return
        if fetched.unreadable is not None:
            gaps.reason(meter.id, fetched.unreadable, fetched.unreadable + slot_ms, Reason.UNREADABLE)
        taken = 0
        for slot in sorted(fetched.found):
            if not self._offer(meter, slot, fetched.found[slot]):
                break
            taken += 1
        for slot in fetched.absent:
            if self._mapped(meter.id, slot).sure:
                self._absent.setdefault(meter.id, set()).add(slot)
            else:
                gaps.reason(meter.id, slot, slot + slot_ms, Reason.CLOCK_WRONG)
        log.info("meter %s: %d of %d slots are filled from its memory", meter.id, taken, len(asked))

    def _offer(self, meter: MeterSettings, slot: int, values: dict[str, Value]) -> bool:
        """Hand one record to the outbox; False: it takes none now, and the slot waits on."""
        state, mapped = self._gaps[meter.id], self._mapped(meter.id, slot)
        span = next(
            (each for each in self._gaps.waiting(meter.id) if each.first_ms <= slot < each.until_ms), None
        )
        if span is None:  # a late reading came meanwhile
            return True
        if not self._believable(meter.id, span, slot, mapped, values.get(MAIN)):
            return True
        wanted = quantities(meter.model)
        kept = {name: value for name, value in values.items() if name in wanted}
        quality = Quality.GOOD if mapped.sure else Quality.METER_CLOCK_OFF
        if not kept:
            self._gaps.reason(meter.id, slot, slot + state.slot_ms, Reason.NOT_RECORDED)
            return True
        if not self._accept(Reading(meter.id, slot, Source.PROFILE, kept, quality)):
            return False
        if not mapped.sure:
            self._gaps.reason(meter.id, slot, slot + state.slot_ms, Reason.CLOCK_WRONG)
        elif MAIN in wanted and MAIN not in kept:
            self._gaps.reason(meter.id, slot, slot + state.slot_ms, Reason.NOT_RECORDED)
        else:
            self._offered.setdefault(meter.id, set()).add(slot)
        return True

    def _mapped(self, meter: str, slot: int) -> Mapped:
        return mapped_at(slot, self._gaps[meter].offsets, self.settings.memory.clock_limit_s)

    def _believable(self, meter: str, span: Span, slot: int, mapped: Mapped, value: Value | None) -> bool:
        """Between the registers read before and after. Said twice otherwise, it is given up."""
        state = self._gaps[meter]
        low = span.before_wh if mapped.sure and mapped.at_ms >= span.first_ms - 2_000 else None
        high = state.last_wh if mapped.sure and mapped.at_ms <= state.last_sure_ms else None
        if value is None or _between(low, int(value), high):
            return True
        if (meter, slot) in self._doubted:
            log.warning(
                "meter %s: it remembers %s Wh where %s to %s Wh were read before and after: not taken",
                meter, value, low, high,
            )  # fmt: skip
            self._gaps.reason(meter, slot, slot + state.slot_ms, Reason.DOUBTFUL)
        self._doubted ^= {(meter, slot)}
        return False

    def _explain(self, meter: str, found: Outages) -> None:
        slot_ms = self._gaps[meter].slot_ms
        for slot in self._absent.pop(meter, ()):
            dark = found.cover(to_local(slot, self.zone))
            reason = Reason.NO_SUPPLY if dark else Reason.NOT_RECORDED
            self._gaps.reason(meter, slot, slot + slot_ms, reason)


def _between(low: int | None, value: int, high: int | None) -> bool:
    if low is not None and high is not None and rolled_over(low, high):
        return value >= low or value <= high
    return (low is None or value >= low) and (high is None or value <= high)
