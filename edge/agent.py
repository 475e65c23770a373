"""The gateway agent: pollers bring readings, the outbox keeps them, the uplink sends them.

A reading counts as accepted when the batch that holds it is on disk, and not before. Each part is made
by a factory that can be handed in, so that a proof can put a faulty one in its place.
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby, islice
from pathlib import Path
from typing import Final

from edge import metrics
from edge.clock import Clock, can_date
from edge.health import HealthReport, Poller
from edge.jobs import Job
from edge.loans import LoanDesk
from edge.memory.keeper import Memory
from edge.orders.commander import Commander, Handler
from edge.orders.ledger import open_ledger
from edge.outbox import BatchKey, Outbox
from edge.outbox_file import StorageFault
from edge.page import Board, Page, Snapshot
from edge.poller import LinePoller
from edge.remote_config import RemoteConfig
from edge.settings import LineSettings, Settings
from edge.upkeep.upkeep import Upkeep
from edge.uplink import Uplink
from protocols.mqtt.orders import OrderKind
from protocols.readings import Reading

log = logging.getLogger(__name__)

Accept = Callable[[Reading], bool]
OUTBOX_NAME: Final = "outbox.db"
ORDERS_NAME: Final = "orders.db"
TICK_S: Final = 0.25
STOP_S: Final = 2.0
"""How long a clean stop waits: for the pollers, and again for the cloud to settle what is left."""
PENDING_BATCHES: Final = 4
"""Readings that may wait in memory, in batches, while the storage does not take them."""


def open_outbox(settings: Settings, clock: Clock) -> Outbox:
    return Outbox(settings.data_dir / OUTBOX_NAME, settings.gateway, clock, settings.outbox.max_bytes)


def line_pollers(settings: Settings, clock: Clock, accept: Accept) -> list[Poller]:
    return [LinePoller(line, clock, accept, settings.probe_s) for line in settings.lines]


class Agent:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        accepted_log: Path | None = None,
        upkeep: Upkeep | None = None,
        make_outbox: Callable[[Settings, Clock], Outbox] = open_outbox,
        make_uplink: Callable[[Settings, Outbox, Clock], Uplink] = Uplink,
        make_pollers: Callable[[Settings, Clock, Accept], Sequence[Poller]] = line_pollers,
    ) -> None:
        self._clock, self._make_pollers = clock, make_pollers
        self._wake, self._stopping, self._draining = threading.Event(), threading.Event(), threading.Event()
        self.outbox = make_outbox(settings, clock)
        self.uplink = make_uplink(settings, self.outbox, clock)
        self._upkeep = upkeep
        self._remote = RemoteConfig(settings, clock, self._reconfigure, self.uplink.say, wake=self._wake.set)
        self._settings = settings = self._remote.overlaid()
        self.commander = self._make_commander(settings)
        self.memory = self._make_memory(settings)
        self._pollers = make_pollers(settings, clock, self.accept)
        self._lines = [each for each in self._pollers if isinstance(each, LinePoller)]
        self._loans = LoanDesk(settings.data_dir, self._lines)
        self._health = HealthReport(settings, clock, self.outbox, self._pollers)
        self._board = Board(
            lambda: self._settings, lambda: self._health.build(), lambda: self.uplink.connected
        )
        self._page = self._make_page(settings)
        self._accepted_log = AcceptedLog(accepted_log) if accepted_log else None
        self._pending: list[tuple[int, Reading]] = []  # with the time since boot at which each was read
        self._lock = threading.Lock()
        self._polling = False

    def _make_commander(self, settings: Settings) -> Commander:
        ledger = open_ledger(settings.data_dir / ORDERS_NAME, self._clock)
        made = Commander(settings, self._clock, ledger, self.submit, self.uplink.say, wake=self._wake.set)
        self.uplink.listen("order", made.receive_order)
        self.uplink.listen("heard", made.receive_heard)
        self.uplink.listen("config", self._remote.receive)
        if self._upkeep:
            handlers, resume = self._upkeep.handlers(self.ask_stop)
            made.handlers.update(handlers)
            made.resume.update(resume)
        return made

    def _make_memory(self, settings: Settings) -> Memory:
        say, probe = self.uplink.say, self.commander.probe
        made = Memory(settings, self._clock, self.submit, self.accept, say, probe, wake=self._wake.set)
        handlers: dict[OrderKind, Handler] = {OrderKind.REREAD: made.reread, OrderKind.FACTS: made.facts}
        self.commander.handlers.update(handlers)
        self.commander.resume.update(handlers)  # both only read: begun again, they do no harm
        return made

    def _make_page(self, settings: Settings) -> Page | None:
        """The page stays where it was first put; a new place needs a new start."""

        def measured(shot: Snapshot) -> tuple[str, bytes]:
            return metrics.CONTENT_TYPE, metrics.exposition(shot.health, connected=shot.connected)

        return (
            Page(settings.page.listen, self._board.snapshot, {"/metrics": measured})
            if settings.page
            else None
        )

    # -- readings -----------------------------------------------------------------------------------------

    def accept(self, reading: Reading) -> bool:
        """Take a reading into the next batch. False: it is refused, for want of storage."""
        with self._lock:
            if (
                self.outbox.fault
                or len(self._pending) >= PENDING_BATCHES * self._settings.outbox.batch_readings
            ):
                return False
            self._pending.append((self._read_at_ns(reading), reading))
            self._board.note(reading)
            full = len(self._pending) >= self._settings.outbox.batch_readings
        if full:
            self._wake.set()
        return True

    def _read_at_ns(self, reading: Reading) -> int:
        """When it was read, on the clock that never steps: now, less the moment it took to get here."""
        age_ms = self._clock.now_ms() - reading.at_ms
        return self._clock.since_boot_ns() - (age_ms * 1_000_000 if 0 <= age_ms < 5_000 else 0)

    def flush(self, *, everything: bool = False) -> None:
        """Commit the batches that are full or old enough; what the storage refuses stays pending."""
        while batch := self._due(everything):
            key = self._commit(batch)
            with self._lock:
                del self._pending[: len(batch)]
            if key:
                self._accepted(key, [reading for _, reading in batch])

    def _due(self, everything: bool) -> list[tuple[int, Reading]]:
        """The next batch, if it is time for it: readings with a date and those without are never mixed."""
        limits = self._settings.outbox
        with self._lock:
            alike = groupby(self._pending, key=lambda each: can_date(each[1].at_ms))
            batch = list(islice(next(alike, (None, ()))[1], limits.batch_readings))
            more = len(batch) < len(self._pending)
        if not batch:
            return []
        age_s = (self._clock.since_boot_ns() - batch[0][0]) / 1e9
        full = more or len(batch) == limits.batch_readings
        return batch if everything or full or age_s >= limits.batch_age_s else []

    def _commit(self, batch: Sequence[tuple[int, Reading]]) -> BatchKey | None:
        """Put it on disk. None: held, for want of a date."""
        if can_date(batch[0][1].at_ms):
            return self.outbox.append([reading for _, reading in batch])
        self.outbox.hold(batch)
        return None

    def _date_held(self) -> None:
        while self.outbox.held and can_date(self._clock.now_ms()):
            done = self.outbox.date_held(self._settings.outbox.batch_readings)
            if done:
                self._accepted(*done)

    def _accepted(self, key: BatchKey, readings: Sequence[Reading]) -> None:
        if self._accepted_log:
            self._accepted_log.write(key, readings)
        self.memory.accepted(readings)
        self.uplink.wake()

    def submit(self, job: Job) -> None:
        """Have a job done on the line of its meter; KeyError when no line has that meter."""
        for line in self._lines:
            if any(job.meter == each.id for each in line.meters):
                return line.submit(job)
        raise KeyError(f"no line has a meter {job.meter}")

    # -- settings from the cloud --------------------------------------------------------------------------

    def _reconfigure(self, settings: Settings) -> None:
        """Only lines that differ are begun anew; the others, and what is in the outbox, notice nothing."""
        before = self._settings
        old = dict(zip((line.name for line in before.lines), self._pollers, strict=False))
        alike = before.lines if before.probe_s == settings.probe_s else ()
        kept = {
            line.name: old.pop(line.name) for line in settings.lines if line in alike and line.name in old
        }
        fresh = self._fresh(settings, [line for line in settings.lines if line.name not in kept])
        _end(list(old.values()))  # from here on nothing can go wrong
        _take_over(old, fresh)
        self._settings = settings
        self._pollers = [each for line in settings.lines if (each := (kept | fresh).get(line.name))]
        self._lines = [each for each in self._pollers if isinstance(each, LinePoller)]
        self._loans.replace(self._lines)
        self.commander.settings = settings
        self.memory.settings = settings
        self._health = HealthReport(settings, self._clock, self.outbox, self._pollers)
        if self._polling:
            for poller in fresh.values():
                poller.start()

    def _fresh(self, settings: Settings, lines: Sequence[LineSettings]) -> dict[str, Poller]:
        """Pollers for those lines alone."""
        part = settings.model_copy(update={"lines": tuple(lines)})
        made = self._make_pollers(part, self._clock, self.accept) if lines else []
        return dict(zip((line.name for line in lines), made, strict=False))

    # -- running ------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.uplink.start()
        self.commander.start()
        for poller in self._pollers:
            poller.start()
        self._loans.start()
        if self._page:
            self._page.start()
        self._polling = True
        if self._upkeep:
            self._upkeep.ready(f"polling {len(self._settings.meters)} meters")
        log.info(
            "gateway %s: polling %d meters on %d lines, epoch %s, %d batches to send",
            self._settings.gateway, len(self._settings.meters), len(self._settings.lines),
            self.outbox.epoch, self.outbox.backlog().batches,
        )  # fmt: skip

    def run(self) -> None:
        """Work until `ask_stop`, then stop cleanly."""
        try:
            self.start()
            while not self._stopping.is_set():
                self.tick()
                self._wake.wait(TICK_S)
                self._wake.clear()
        finally:
            self.stop()

    def tick(self) -> None:
        """One round of keeping: commit, date, recover, report."""
        if self._draining.is_set() and self._polling:
            self._stop_polling()
        with suppress(StorageFault):  # the outbox says it once, and again when it is over
            self._keep()
        self._remote.tick()
        self.commander.tick(connected=self.uplink.connected)
        if self._polling:
            self.memory.tick()
        if health := self._health.due(connected=self.uplink.connected):
            self.uplink.publish_health(health)
        if self._upkeep:
            now_s = self._clock.monotonic_s()
            moved = [line.moved_s for line in self._lines] if self._polling else []
            self._upkeep.tick(settled=self.uplink.settled, moved_s=min(moved, default=now_s))

    def _keep(self) -> None:
        if self.outbox.fault and not self.outbox.recover():
            self._stopping.wait(1.0)
            return
        self.flush(everything=not self._polling)
        self._date_held()
        if self._draining.is_set() and self._is_empty() and not self.outbox.held:
            log.info("gateway %s: drained, the outbox is empty", self._settings.gateway)
            self._draining.clear()

    def ask_stop(self) -> None:
        """End `run`; safe in a signal handler and in any thread."""
        self._stopping.set()
        self._wake.set()

    def ask_drain(self) -> None:
        """Poll no more, and go on sending; safe in a signal handler."""
        self._draining.set()
        self._wake.set()

    def stop(self) -> None:
        """Stop polling, commit what was read, give the cloud a moment to settle, say goodbye."""
        if self._upkeep:
            self._upkeep.stopping()
        if self._page:
            self._page.stop()
        self._stop_polling()
        try:
            self.flush(everything=True)
            self._date_held()
            self._await_settlement()
        except StorageFault as fault:
            log.error("what was read last could not be kept: %s", fault)  # noqa: TRY400
        self.uplink.stop()
        left = self._left()
        self.outbox.close()
        self.commander.ledger.close()
        self.memory.close()
        log.info("gateway %s: stopped, %s batches stay in the outbox", self._settings.gateway, left)

    def _left(self) -> int | str:
        try:
            return self.outbox.backlog().batches
        except StorageFault:
            return "unknown"

    def _stop_polling(self) -> None:
        if not self._polling:
            return
        self._polling = False
        self._loans.stop()
        _end(self._pollers)
        log.info("gateway %s: polling is stopped", self._settings.gateway)

    def _await_settlement(self) -> None:
        deadline_s = self._clock.monotonic_s() + STOP_S
        pause = threading.Event()
        while self.uplink.connected and not self._is_empty() and self._clock.monotonic_s() < deadline_s:
            pause.wait(0.02)

    def _is_empty(self) -> bool:
        return not self.outbox.backlog().batches and not self.outbox.declarations(1)


def _end(pollers: Sequence[Poller]) -> None:
    for poller in pollers:
        poller.stop()
    for poller in pollers:
        poller.join(STOP_S)


def _take_over(old: Mapping[str, Poller], fresh: Mapping[str, Poller]) -> None:
    """A poller that takes another's place goes on with its counts."""
    for name, poller in fresh.items():
        before = old.get(name)
        if isinstance(poller, LinePoller) and isinstance(before, LinePoller):
            poller.take_over(before)


def _accepted_line(key: BatchKey, reading: Reading) -> dict[str, object]:
    """`wh` is the import register, where the reading has it."""
    line = {"epoch": key.epoch, "seq": key.seq, "meter": reading.meter, "at_ms": reading.at_ms}
    register = reading.values.get("energy_import_wh")
    return line if register is None else line | {"wh": register}


class AcceptedLog:
    """One JSON line for each accepted reading, written after its commit: the evidence for a proof."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._failing = False

    def write(self, key: BatchKey, readings: Sequence[Reading]) -> None:
        lines = (json.dumps(_accepted_line(key, each)) + "\n" for each in readings)
        self._append("".join(lines).encode())

    def _append(self, rest: bytes) -> None:
        """A log that cannot be written says less than was accepted, never more; the gateway goes on."""
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            if not self._failing:
                log.error("the accepted log is incomplete: %s", error)  # noqa: TRY400
            self._failing = True
        else:
            self._failing = False
