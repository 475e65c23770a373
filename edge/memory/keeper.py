"""The gateway's care for what meters remember: notes gaps, sends errands over the lines, fills, tells.

One errand at a time on a line, with less right than anything live; nothing begins before the gateway's time
is valid and the meter has answered a regular reading.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any, Final

from edge.back_off import BackOff
from edge.clock import Clock, can_date
from edge.drivers import MeterTalk
from edge.jobs import Expired, Job
from edge.links import Interrupted, LinkDown, NoReply
from edge.memory.asking import Checked, check
from edge.memory.backfill import Accept, Backfill
from edge.memory.clock import noted, offset_of
from edge.memory.errands import Errand
from edge.memory.frozen import Freezes
from edge.memory.gaps import DAY_MS, Gap, Gaps
from edge.memory.spans import Reason
from edge.memory.told import Told
from edge.orders.rules import zone_of
from edge.orders.states import Event, Outcome
from edge.settings import MeterSettings, Settings
from protocols import models
from protocols.errors import FrameError, Refused
from protocols.mqtt.messages import ClockState
from protocols.mqtt.orders import Capability, Order
from protocols.readings import Reading, Source

log = logging.getLogger(__name__)

FILE_NAME: Final = "memory.db"
LOOK_S: Final = 1.0
QUIET_S: Final = 30.0
"""After a start the live readings come first."""
STEP_MS: Final = 60_000
"""A jump of the wall clock from here on makes what it had dated before doubtful."""
DOUBTED_MS: Final = DAY_MS
AGAIN_S: Final = (30.0, 3600.0)
CLOCK_EVERY_MS: Final = DAY_MS
JUMPED_MS: Final = 3_600_000
Finish = Callable[[Event, Outcome], None]
Submit = Callable[[Job], None]


@dataclass(slots=True)
class Wish:
    """An order to read slots again, until they have a value or a reason."""

    finish: Finish
    meters: list[str]
    from_ms: int
    to_ms: int
    until_ms: int


class Memory:
    """Everything but `listing` is called in the agent's one thread."""

    def __init__(
        self, settings: Settings, clock: Clock, submit: Submit, accept: Accept,
        say: Callable[[str, bytes], None], probe: Callable[[MeterTalk], Capability],
        *, wake: Callable[[], None] = lambda: None, rng: Random | None = None,
    ) -> None:  # fmt: skip
        self._clock, self._submit, self._accept, self._wake = clock, submit, accept, wake
        self._rng = rng or Random()
        self.gaps = Gaps(Path(settings.data_dir) / FILE_NAME, settings, clock)
        self._begin(settings)
        zone: tzinfo = self._zone or UTC
        self._backfill = Backfill(self.gaps, settings, clock, accept, zone)
        self._freezes = Freezes(self.gaps, settings, clock, accept, zone)
        self._told = Told(self.gaps, settings.gateway, clock, say, probe)
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wishes: list[Wish] = []
        self._heard: set[str] = set()
        self._waits: dict[str, tuple[float, BackOff]] = {}
        self._checked_ms: dict[str, int] = {}
        self._busy: set[str] = set()
        self._began_s = clock.monotonic_s()
        self._ahead_ms = self._wall_ahead_ms()
        self._regime_ms = clock.now_ms()
        self._aged_ms = 0
        self._look_s = 0.0

    def _begin(self, settings: Settings) -> None:
        self._settings = settings
        self._zone = zone_of(settings.memory.timezone)
        if self._zone is None:
            log.error("memory.timezone %r is not known here: no gap is filled", settings.memory.timezone)
        self._lines = {line.name: deque(line.meters) for line in settings.lines}

    @property
    def settings(self) -> Settings:
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        """Others from now on; what an old line still brings back is of a meter that is, or is not, there."""
        self._begin(settings)
        self.gaps.begin(settings)
        self._backfill.settings = self._freezes.settings = settings
        self._backfill.zone = self._freezes.zone = self._zone or UTC

    def listing(self, meter: str | None = None) -> list[Gap]:
        """All gaps with their reasons; callable from any thread."""
        return self.gaps.listing(meter)

    # -- what the agent tells -----------------------------------------------------------------------------

    def accepted(self, readings: Sequence[Reading]) -> None:
        """Those are committed."""
        for meter in self.gaps.accepted(readings):
            self._exchanged(meter)
        for reading in readings:
            if reading.meter not in self.gaps:
                continue
            if reading.source is Source.POLLED:
                self._heard.add(reading.meter)
            elif reading.source is Source.PROFILE:
                self._backfill.accepted(reading.meter, reading.at_ms)
            elif reading.source is Source.FREEZE:
                self._freezes.accepted(reading)

    def _exchanged(self, meter: str) -> None:
        self._backfill.forget(meter)
        self._told.forget(meter)
        self._checked_ms.pop(meter, None)

    def reread(self, order: Order, finish: Finish) -> None:
        """An order: those slots from the meter's memory, whatever is known of them."""
        meters = [order.meter] if order.meter else list(self.gaps.states)
        known = [meter for meter in meters if meter in self.gaps]
        if not known or order.from_ms is None or order.to_ms is None:
            return finish(Event.FAIL, Outcome(f"this gateway has no meter {order.meter}"))
        oldest_ms = self._clock.now_ms() - self._settings.memory.days * DAY_MS
        from_ms, to_ms = max(order.from_ms, oldest_ms), order.to_ms
        for meter in known:
            self._backfill.again(meter)
            self.gaps.want(meter, from_ms, to_ms)
            self._waits.pop(meter, None)
        self._wishes.append(Wish(finish, known, from_ms, to_ms, order.expires_at_ms))
        return None

    def facts(self, order: Order, finish: Finish) -> None:
        """An order: what this meter, or each, says of itself."""
        meters = [order.meter] if order.meter else list(self.gaps.states)
        known = [meter for meter in meters if meter in self.gaps]
        if not known:
            return finish(Event.FAIL, Outcome(f"this gateway has no meter {order.meter}"))
        done = _once_all(len(known), finish)
        for meter in known:
            self._told.ask(meter, done, order.expires_at_ms)
            self._waits.pop(meter, None)
        return None

    def tick(self) -> None:
        """One round; short."""
        for _ in range(self._inbox.qsize()):
            self._inbox.get()()
            self._look_s = 0.0
        now_ms = self._clock.now_ms()
        trusted = can_date(now_ms) and self._clock.state() is not ClockState.UNSYNCED
        self._told.expire(now_ms)
        if not trusted:
            self.gaps.trusted = False
        elif self._clock.monotonic_s() >= self._look_s:
            self._look_s = self._clock.monotonic_s() + LOOK_S
            self._notice_step(now_ms)
            self.gaps.trust()
            self._look_after_gaps(now_ms)
            if self._zone is not None and self._clock.monotonic_s() - self._began_s >= QUIET_S:
                self._send_errands()
        self._end_wishes(now_ms)
        self.gaps.save()

    def close(self) -> None:
        self.gaps.close()

    # -- time ---------------------------------------------------------------------------------------------

    def _wall_ahead_ms(self) -> int:
        return self._clock.now_ms() - self._clock.since_boot_ns() // 1_000_000

    def _notice_step(self, now_ms: int) -> None:
        """Readings dated by a clock that was wrong are not relied upon: what meters remember is read too."""
        ahead_ms = self._wall_ahead_ms()
        step_ms, self._ahead_ms = ahead_ms - self._ahead_ms, ahead_ms
        if abs(step_ms) < STEP_MS:
            return
        log.warning("the gateway's clock jumped by %+.0f s", step_ms / 1000)
        since_ms = max(self._regime_ms, now_ms - step_ms - DOUBTED_MS)
        self.gaps.stepped(now_ms, since_ms if can_date(since_ms) else now_ms)
        self._freezes.stepped()
        self._regime_ms = now_ms
        self._checked_ms.clear()

    def _look_after_gaps(self, now_ms: int) -> None:
        for name in self.gaps.close_slots(now_ms):
            *before, gap = self.gaps.listing(name)
            if not before or before[-1].until_ms != gap.first_ms:
                log.info("meter %s: no value since the slot of %s", name, _utc(gap.first_ms))
        for line in self._lines.values():
            for meter in line:
                self._backfill.hopeless(meter)
                self._freezes.plan(meter)
        if now_ms - self._aged_ms >= JUMPED_MS:
            self._aged_ms = now_ms
            self.gaps.age(now_ms, self._settings.memory.days)

    # -- errands ------------------------------------------------------------------------------------------

    def _send_errands(self) -> None:
        for line, meters in self._lines.items():
            if line in self._busy:
                continue
            for _ in range(len(meters)):
                meters.rotate(-1)
                errand = self._next(meters[-1])
                if errand and self._send(line, errand):
                    break

    def _next(self, meter: MeterSettings) -> Errand | None:
        if self._waits.get(meter.id, (0.0, None))[0] > self._clock.monotonic_s():
            return None
        if ordered := self._told.ordered(meter):
            return ordered
        if meter.id not in self._heard:
            return None
        if self._clock_is_due(meter):
            return Errand(
                meter.id, "clock",
                lambda talk: check(talk, self._clock),
                lambda found: self._checked(meter, found),
                lambda end: self._unchecked(meter, end),
            )  # fmt: skip
        return self._backfill.next(meter) or self._freezes.next(meter) or self._told.next(meter)

    def _clock_is_due(self, meter: MeterSettings) -> bool:
        """Daily, and before anything is read that the meter has stamped since it was last looked at."""
        if not models.load(meter.model).protocol.startswith("dlt645"):
            return False
        at_ms = self._checked_ms.get(meter.id, 0)
        newest = max((span.until_ms for span in self.gaps.waiting(meter.id)), default=0)
        return newest > at_ms or self._clock.now_ms() - at_ms >= CLOCK_EVERY_MS

    def _send(self, line: str, errand: Errand) -> bool:
        since_ms = self.gaps[errand.meter].since_ms

        def ended(end: Any) -> None:
            self._inbox.put(lambda: self._back(line, errand, since_ms, end))
            self._wake()

        self._busy.add(line)
        try:
            self._submit(Job(errand.meter, errand.priority, errand.name, errand.work, ended))
        except KeyError:  # the line is just being begun anew
            self._busy.discard(line)
            self._wait(errand.meter)
            return False
        return True

    def _back(self, line: str, errand: Errand, since_ms: int, end: Any) -> None:
        self._busy.discard(line)
        meter = errand.meter
        if meter not in self.gaps or self.gaps[meter].since_ms != since_ms:
            return  # it was asked of a meter that does not hang there any more
        if isinstance(end, Exception):
            self._failed(errand, end)
        else:
            self._waits.pop(meter, None)
            errand.done(end)

    def _failed(self, errand: Errand, end: Exception) -> None:
        if isinstance(end, Interrupted | Expired):
            return
        if errand.failed and isinstance(end, Refused):
            errand.failed(end)
            return
        if isinstance(end, NoReply):
            self._heard.discard(errand.meter)  # until it answers a regular reading again
        level = logging.DEBUG if isinstance(end, NoReply | LinkDown | FrameError) else logging.WARNING
        log.log(level, "meter %s: %s: %s", errand.meter, errand.name, end)
        self._wait(errand.meter)

    def _wait(self, meter: str) -> None:
        _, back_off = self._waits.get(meter, (0.0, BackOff(*AGAIN_S, self._rng)))
        self._waits[meter] = (self._clock.monotonic_s() + back_off.next_s(), back_off)

    # -- clocks -------------------------------------------------------------------------------------------

    def _checked(self, meter: MeterSettings, found: Checked) -> None:
        assert self._zone is not None, "no errand is sent without"
        self._checked_ms[meter.id] = found.at_ms
        state = self.gaps[meter.id]
        if found.asset and state.asset and found.asset != state.asset:
            log.warning(
                "meter %s: its asset number is %s, was %s: its memory of before is taken for nobody's",
                meter.id, found.asset, state.asset,
            )  # fmt: skip
            self.gaps.exchanged(meter.id, self._clock.now_ms())
            self._exchanged(meter.id)
            self._checked_ms[meter.id] = found.at_ms
            state = self.gaps[meter.id]
        new = offset_of(found.at_ms, found.shown, self._zone)
        self.gaps.change(
            meter.id, offsets=noted(state.offsets, new, meter.id), asset=found.asset or state.asset
        )
        self._accept(Reading(meter.id, found.at_ms, Source.POLLED, {"clock_offset_s": new.offset_s}))

    def _unchecked(self, meter: MeterSettings, end: Exception) -> None:
        """It does not show its clock: its stamps are proved by nothing, and flagged."""
        log.info("meter %s: its clock is not shown: %s", meter.id, end)
        self._checked_ms[meter.id] = self._clock.now_ms()

    # -- orders -------------------------------------------------------------------------------------------

    def _end_wishes(self, now_ms: int) -> None:
        for wish in list(self._wishes):
            left = sum(self._slots(wish, Reason.WAITING))
            if left and now_ms < wish.until_ms:
                continue
            self._wishes.remove(wish)
            if left:
                wish.finish(Event.FAIL, Outcome(f"{left} slots were not reached in time"))
            else:
                wish.finish(Event.FINISH, Outcome(self._ended(wish)))

    def _slots(self, wish: Wish, reason: Reason) -> Iterable[int]:
        for meter in wish.meters:
            if meter in self.gaps:
                yield self.gaps.slots_by_reason(meter, wish.from_ms, wish.to_ms).get(reason, 0)

    def _ended(self, wish: Wish) -> str:
        why = {reason: sum(self._slots(wish, reason)) for reason in Reason}
        told = ", ".join(f"{count} {reason}" for reason, count in why.items() if count)
        return f"read again; without a value: {told}" if told else "read again; every slot has its value"


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%MZ}"


def _once_all(many: int, finish: Finish) -> Finish:
    """Finish once when all have: the first failure is the end of all."""
    left = [many]

    def done(event: Event, outcome: Outcome) -> None:
        left[0] -= 1
        if left[0] >= 0 and event is not Event.FINISH:
            left[0] = -1
            finish(event, outcome)
        elif left[0] == 0:
            finish(event, outcome)

    return done
