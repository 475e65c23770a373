"""Carries out what the cloud orders: on disk before acting, at most once, read back, and told until heard.

One thread (`tick`) moves orders on; a line's own thread does the work on the wire. What was begun and has
no known end is never sent again: the relay, or the clock, is read, and the result says unknown.
"""

import heapq
import logging
from collections.abc import Callable
from itertools import count
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, Final

from edge.back_off import BackOff
from edge.clock import Clock
from edge.drivers import MeterTalk
from edge.jobs import Expired, Job, Priority
from edge.links import Interrupted
from edge.orders import looks
from edge.orders.ledger import Ledger
from edge.orders.looks import LOOKED_AT, LOOKS_S, words
from edge.orders.states import OPEN, Entry, Event, Offer, Outcome, State, WrongMove
from edge.orders.work import LineWork, Verdict
from edge.outbox_file import StorageFault
from edge.settings import MeterSettings, Settings
from protocols.errors import MessageError, Refused
from protocols.mqtt import orders
from protocols.mqtt.orders import Capability, Heard, Order, OrderKind

log = logging.getLogger(__name__)

Submit = Callable[[Job], None]
Say = Callable[[str, bytes], None]
Finish = Callable[[Event, Outcome], None]
Handler = Callable[[Order, Finish], None]
"""Does an order that is not for one meter's line: returns soon, calls `finish` once, from any thread."""

AGAIN_S: Final = (2.0, 60.0)
MOST_OPEN: Final = 500
_HANDED_ON: Final = frozenset({OrderKind.REREAD, OrderKind.FACTS, OrderKind.UPDATE})


class Commander:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: Ledger,
        submit: Submit,
        say: Say,
        *,
        wake: Callable[[], None] = lambda: None,
        rng: Random | None = None,
    ) -> None:
        self.ledger = ledger
        self._work = LineWork(settings, clock, ledger)
        self._clock, self._submit, self._say, self._wake = clock, submit, say, wake
        self._rng = rng or Random()
        self.handlers: dict[OrderKind, Handler] = {}
        self.resume: dict[OrderKind, Handler] = {}
        """For orders begun before this start, whose end only their handler can know (UPDATE)."""
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._given: set[str] = set()  # orders whose job is with their line now
        self._said: dict[str, tuple[State, float, BackOff]] = {}
        self._say_at_s, self._connected, self._failing = 0.0, False, False

    @property
    def settings(self) -> Settings:
        return self._work.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._work.settings = settings

    # -- from other threads -------------------------------------------------------------------------------

    def receive_order(self, payload: bytes) -> None:
        self._put(lambda: self._take(payload))

    def receive_heard(self, payload: bytes) -> None:
        self._put(lambda: self._heard(payload))

    def capability(self, meter: str) -> Capability | None:
        """What was found out of this meter without writing; None when it was not asked yet."""
        settings = self._work.meter(meter)
        known = self.ledger.capability(meter, _identity(settings)) if settings else None
        return known[0] if known else None

    def probe(self, talk: MeterTalk) -> Capability:
        """Ask the meter and keep the answer; in its line's thread."""
        return self._work.probe(talk)

    def _put(self, what: Callable[[], None]) -> None:
        self._inbox.put(what)
        self._wake()

    # -- the one thread -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Go on with what was not finished when the gateway stopped, however it stopped."""
        self._do(self._go_on)

    def _go_on(self) -> None:
        for entry in self.ledger.unfinished():
            if entry.state is State.TAKEN:
                self._proceed(entry)
            else:
                self._recover(entry)

    def tick(self, *, connected: bool) -> None:
        while self._later and self._later[0][0] <= self._clock.monotonic_s():
            self._inbox.put(heapq.heappop(self._later)[2])
        for _ in range(self._inbox.qsize()):
            try:
                self._do(self._inbox.get_nowait())
            except Empty:
                break
        if connected and not self._connected:
            self._said.clear()
            self._say_at_s = 0.0
        self._connected = connected
        if connected and self._clock.monotonic_s() >= self._say_at_s:
            self._do(self._say_results, again=False)

    def _do(self, what: Callable[[], None], *, again: bool = True) -> None:
        try:
            what()
        except StorageFault as fault:
            if not self._failing:
                log.error("no order can be taken or moved on: %s", fault)  # noqa: TRY400
            self._failing = True
            if again:
                self._in(5.0, what)
        else:
            self._failing = False

    def _in(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self._clock.monotonic_s() + seconds, next(self._number), what))

    def _take(self, payload: bytes) -> None:
        try:
            order = orders.decode(payload, Order)
            _check_gateway(order.gateway, self.settings.gateway)
        except MessageError as error:
            log.warning("what came as an order is none and is ignored: %s", error)
            return
        offer = self.ledger.take(order)
        self._say_soon(order.id)
        if offer is Offer.OTHER:
            log.warning("order %s: the id was used for another order; this one is refused", order.id)
        entry = self.ledger.entry(order.id)
        if offer is Offer.NEW:
            log.info("order %s: %s %s is taken", order.id, order.kind, order.meter)
        if offer is not Offer.OTHER and entry and entry.state is State.TAKEN:
            self._proceed(entry)

    def _heard(self, payload: bytes) -> None:
        try:
            heard = orders.decode(payload, Heard)
            _check_gateway(heard.gateway, self.settings.gateway)
        except MessageError as error:
            log.warning("what came as Heard is none and is ignored: %s", error)
            return
        for order_id, state in heard.results:
            if self.ledger.heard(order_id, state):
                self._said.pop(order_id, None)

    def _say_results(self) -> None:
        now_s = self._clock.monotonic_s()
        self._say_at_s = now_s + AGAIN_S[1]
        for entry in self.ledger.unheard():
            known = self._said.get(entry.order.id)
            if known is None or known[0] is not entry.state:
                known = (entry.state, now_s, BackOff(*AGAIN_S, self._rng))
            state, due_s, wait = known
            if due_s <= now_s:
                self._say("result", orders.encode(entry.result()))
                due_s = now_s + wait.next_s()
            self._said[entry.order.id] = (state, due_s, wait)
            self._say_at_s = min(self._say_at_s, due_s)

    def _say_soon(self, order_id: str) -> None:
        self._said.pop(order_id, None)
        self._say_at_s = 0.0

    # -- before the line ----------------------------------------------------------------------------------

    def _proceed(self, entry: Entry) -> None:
        """Of an order that is taken: refuse it, let it expire, or give it to who does it."""
        order = entry.order
        if order.id in self._given:
            return None
        left_ms = order.expires_at_ms - self._clock.now_ms()
        if left_ms <= 0:
            return self._move(order, Event.EXPIRE, Outcome("its time was over before it was begun"))
        reason = self._work.refusal(order)
        if reason is None and len(self.ledger.unfinished()) > MOST_OPEN:
            reason = f"more than {MOST_OPEN} orders are under way here"
        if reason:
            return self._move(order, Event.REFUSE, Outcome(reason))
        if order.kind in _HANDED_ON:
            return self._hand_on(order, self.handlers.get(order.kind))
        urgent = order.kind is not OrderKind.READ
        job = Job(
            order.meter,
            Priority.COMMAND if urgent else Priority.ON_DEMAND,
            f"{order.kind} {order.id}",
            lambda talk: self._work.do(order, talk),
            lambda end: self._put(lambda: self._ended(order, end)),
            self._clock.monotonic_s() + left_ms / 1000,
        )
        return self._give(order, job)

    def _give(self, order: Order, job: Job) -> None:
        self._given.add(order.id)
        try:
            self._submit(job)
        except KeyError:
            self._given.discard(order.id)
            self._move(order, Event.REFUSE, Outcome(f"no line of this gateway has a meter {order.meter}"))

    def _hand_on(self, order: Order, handler: Handler | None) -> None:
        if handler is None:
            return self._move(order, Event.REFUSE, Outcome(f"this gateway does nothing for {order.kind}"))
        self.ledger.move(order.id, Event.BEGIN)
        try:
            handler(order, self._finish(order))
        except Exception as defect:
            log.exception("order %s: %s", order.id, order.kind)
            self._move(order, Event.FAIL, Outcome(f"a defect: {words(defect)}"))

    def _finish(self, order: Order) -> Finish:
        return lambda event, outcome: self._put(lambda: self._move(order, event, outcome))

    # -- after the line -----------------------------------------------------------------------------------

    def _ended(self, order: Order, end: Any) -> None:
        self._given.discard(order.id)
        entry = self.ledger.entry(order.id)
        if entry is None or entry.state not in OPEN:
            return
        if isinstance(end, Verdict):
            if end.event is Event.ANSWER:
                self._look(order, 0)
            else:
                self._move(order, end.event, end.outcome)
        elif isinstance(end, Interrupted):
            self._interrupted(entry)
        elif entry.state is State.TAKEN:
            self._not_begun(order, end)
        elif isinstance(end, Refused) and entry.state is State.BEGUN:
            self._move(order, Event.REFUSE, Outcome(f"the meter refuses: {end}"))
        else:
            self._recover(entry, end)

    def _interrupted(self, entry: Entry) -> None:
        """The line was stopped: for good, and the next start goes on, or to begin anew with new settings."""
        if entry.state is State.TAKEN:
            self._in(1.0, lambda: self._again(entry.order))
        else:
            self._recover(entry, Interrupted("the line was stopped"))

    def _again(self, order: Order) -> None:
        entry = self.ledger.entry(order.id)
        if entry and entry.state is State.TAKEN:
            self._proceed(entry)

    def _not_begun(self, order: Order, end: Any) -> None:
        if isinstance(end, Expired):
            self._move(order, Event.EXPIRE, Outcome("its time was over before the line was free"))
        elif isinstance(end, ValueError | Refused):
            self._move(order, Event.REFUSE, Outcome(f"nothing was sent: {end}"))
        else:
            self._move(order, Event.FAIL, Outcome(f"nothing was sent: {words(end)}"))

    def _recover(self, entry: Entry, end: Any = None) -> None:
        """It was begun and its end is not known. It is not sent again; what can be read is read."""
        order = entry.order
        lost = words(end) if end else "the gateway was started anew meanwhile"
        if order.kind in LOOKED_AT:
            self._look(order, 0, "" if entry.state is State.ACTED else lost)
        elif end is None and order.kind in self.resume:
            self.resume[order.kind](order, self._finish(order))
        elif order.kind is OrderKind.READ and end:
            self._move(order, Event.FAIL, Outcome(lost))
        else:
            self._move(order, Event.LOSE, Outcome(lost))

    def _look(self, order: Order, tries: int, lost: str = "") -> None:
        """Read back what the order was about; `lost` says why its own end is not known."""
        self._in(LOOKS_S[tries], lambda: self._look_now(order, tries, lost))

    def _look_now(self, order: Order, tries: int, lost: str) -> None:
        job = Job(
            order.meter,
            Priority.COMMAND,
            f"look after {order.kind} {order.id}",
            lambda talk: self._work.seen(order, talk),
            lambda end: self._put(lambda: self._looked(order, tries, lost, end)),
        )
        try:
            self._submit(job)
        except KeyError as gone:
            self._conclude(order, gone, lost)

    def _looked(self, order: Order, tries: int, lost: str, seen: Any) -> None:
        if isinstance(seen, Interrupted):  # the next start looks, or the line does once it is there again
            self._look(order, tries, lost)
        elif tries + 1 == len(LOOKS_S) or looks.settles(order, seen, lost):
            self._conclude(order, seen, lost)
        else:
            self._look(order, tries + 1, lost)

    def _conclude(self, order: Order, seen: Any, lost: str) -> None:
        entry = self.ledger.entry(order.id)
        event, outcome = looks.conclusion(order, entry.outcome.detail if entry else "", seen, lost)
        if isinstance(seen, float):
            self.ledger.clock_read_back(order.id, seen)
        self._move(order, event, outcome)

    def _move(self, order: Order, event: Event, outcome: Outcome) -> None:
        try:
            entry = self.ledger.move(order.id, event, outcome)
        except WrongMove as wrong:  # told twice; the first word stands
            log.warning("%s", wrong)
            return
        log.info("order %s: %s %s: %s (%s)", order.id, order.kind, order.meter, entry.state, outcome.detail)
        self._say_soon(order.id)


def _identity(meter: MeterSettings) -> str:
    return f"{meter.model} {meter.address or meter.unit}"


def _check_gateway(named: str, ours: str) -> None:
    if named != ours:
        raise MessageError(f"it is for gateway {named!r}")
