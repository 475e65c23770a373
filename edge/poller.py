"""Polls the meters of one line, in a thread of its own, and keeps count of who answers.

Silence, a corrupt answer, a refusal and a broken line are four different things: only silence counts against
a meter, because an outage is inferred from it. A reading that the storage does not take stops the line's
polling until it does; nothing is overtaken and nothing is dropped.
"""

import logging
from collections.abc import Callable
from random import Random
from threading import Event, Thread
from typing import Final

from edge.back_off import BackOff
from edge.clock import Clock, can_date
from edge.drivers import Driver
from edge.drivers.mixed import LineDriver
from edge.jobs import IDLE, STARVED_S, Job, JobQueue, Priority, right_of, tell
from edge.links import Interrupted, LinkDown, NoReply
from edge.planner import FULL_LINE, cost_of, plan_of, speed_is_known
from edge.plausible import Judge, Noise, Verdict
from edge.schedule import Ask, Schedule
from edge.seldom import Seldom
from edge.settings import LineSettings, MeterSettings
from edge.tallies import Tallies
from protocols import models
from protocols.errors import FrameError, Refused
from protocols.mqtt.messages import ClockState, LineHealth, MeterHealth
from protocols.readings import Quality, Reading, Source, Value

log = logging.getLogger(__name__)

Accept = Callable[[Reading], bool]
"""Whether the reading was taken; False means that it was not, for want of storage."""

LOOK_AGAIN_S: Final = 1.0
"""Longest sleep: wall time may step meanwhile."""
LINE_BACK_OFF_S: Final = (0.5, 15.0)
STORAGE_BACK_OFF_S: Final = (0.25, 10.0)


class LinePoller:
    """Every method may be called from any thread; `accept` is called in the line's own."""

    def __init__(
        self,
        line: LineSettings,
        clock: Clock,
        accept: Accept,
        probe_s: float = 300.0,
        *,
        confirm_s: float = 2.0,
        driver: Driver | None = None,
    ) -> None:
        """ModelError when a meter's model cannot be used."""
        self._line, self._clock, self._accept = line, clock, accept
        self._models = {name: models.load(name) for name in sorted({meter.model for meter in line.meters})}
        self._driver = driver or LineDriver(line, self._models)
        self._driver.between = self._let_pass
        self._meters = {meter.id: meter for meter in line.meters}
        self._cost_s = {meter.id: cost_of(line, meter) for meter in line.meters}
        self._probe_s, self._confirm_s = probe_s, confirm_s
        self._tallies = Tallies(line.name, self._meters)
        self._judge, self._noise = Judge(), Noise(self._spent())
        self._stopping, self._wake = Event(), Event()
        self._lent, self._given = Event(), Event()
        self._jobs = JobQueue()
        self.moved_s = clock.monotonic_s()  # when the thread last came round: one that hangs does not
        self._doing, self._asking = IDLE, ""
        self._connected = False  # the drop and reopening after a time-out is not told: the line is there
        self._unaccepted: Reading | None = None
        self._line_faults = BackOff(*LINE_BACK_OFF_S, Random())
        self._storage_faults = BackOff(*STORAGE_BACK_OFF_S, Random())
        self._seldom = Seldom(log, clock)
        self._thread = Thread(target=self._run, name=f"line {line.name}", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        load = self._spent()
        if load > FULL_LINE and speed_is_known(self._line):
            log.warning(
                "line %s: the plan takes %.0f %% of its time: ask fewer meters, or less often",
                self._line.name, 100 * load,
            )  # fmt: skip
        self._thread.start()

    def _spent(self) -> float:
        """Share of the line's time that the plan takes."""
        return plan_of(self._line, self._probe_s).load

    def take_over(self, before: "LinePoller") -> None:
        """Before `start`, of a poller that has ended: its counts, and a reading not handed over yet."""
        self._tallies.take_over(before._tallies)
        self._judge, self._noise.at_s = before._judge, before._noise.at_s
        self._unaccepted = before._unaccepted

    def stop(self) -> None:
        """End the polling, whatever it waits for; returns at once."""
        self._stopping.set()
        self._wake.set()
        self._driver.interrupt()
        if self._thread.ident is None:
            self._jobs.end()

    def join(self, timeout_s: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def backlog_passed_over(self) -> int:
        """How often something of more right was done while a backlog job waited."""
        return self._jobs.passed_over

    @property
    def name(self) -> str:
        return self._line.name

    @property
    def meters(self) -> tuple[MeterSettings, ...]:
        return self._line.meters

    def submit(self, job: Job) -> None:
        """Have a job done; KeyError when the meter is not of this line.

        After the end of the line's thread `done` is called at once, here, with Interrupted.
        """
        if job.meter not in self._meters:
            raise KeyError(f"line {self._line.name} has no meter {job.meter}")
        if self._jobs.put(job, self._clock.monotonic_s()):
            self._wake.set()
        else:
            tell(job, Interrupted("the line has stopped"))

    def lend(self, timeout_s: float) -> bool:
        """Close the link and pause, for another program to use the line. False: it was not free in time."""
        self._lent.set()
        self._wake.set()
        if self._thread.ident is None or self._given.wait(timeout_s):
            return True
        self.take_back()
        return False

    def take_back(self) -> None:
        """Go on after a loan."""
        self._lent.clear()
        self._given.clear()
        self._wake.set()

    def line_health(self) -> LineHealth:
        return LineHealth(
            line=self._line.name,
            connected=self._connected,
            noise_bytes=self._driver.noise_bytes,
            bad_frames=self._driver.bad_frames,
        )

    def meter_health(self) -> list[MeterHealth]:
        return self._tallies.health()

    # -- the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        self._schedule = Schedule(
            self._line.meters,
            self._cost_s,
            self._now_s(),
            probe_s=self._probe_s,
            confirm_s=self._confirm_s,
        )
        try:
            while not self._stopping.is_set():
                self.moved_s = self._clock.monotonic_s()
                self._rest(self._step())
        finally:
            self._driver.close()
            self._jobs.end()

    def _rest(self, rest_s: float) -> None:
        """Until then, or until somebody wants something; jobs whose time is over are told meanwhile."""
        self._jobs.expire(self._clock.monotonic_s())
        expiry_s = self._jobs.expiry_s()
        left_s = rest_s if expiry_s is None else min(rest_s, expiry_s - self._clock.monotonic_s())
        if left_s > 0:
            self._wake.wait(left_s)
        self._wake.clear()
        self._jobs.expire(self._clock.monotonic_s())

    def _step(self) -> float:
        """One thing done; gives how long to rest."""
        try:
            if self._lent.is_set():
                return self._pause()
            self._driver.open()
            self._connected = not self._line_faults.grown
            if self._unaccepted is not None:
                rest_s = self._hand_over(self._unaccepted)
                job = self._take(IDLE)
                return self._do(job) if job else rest_s
            return self._next_thing()
        except Interrupted:
            return 0.0
        except LinkDown as down:
            return self._line_is_down(down)
        except Exception:  # noqa: BLE001
            # A defect must not end the polling of a whole line: it is told, and the line goes on.
            self._seldom.tell("defect", logging.ERROR, "line %s: defect", self._line.name, exc_info=True)
            return LOOK_AGAIN_S

    def _next_thing(self) -> float:
        ask = self._schedule.next(self._now_s())
        job = self._take(right_of(ask))
        if job is not None:
            return self._do(job)
        if ask is None:
            return min(self._schedule.wait_s(self._now_s()), LOOK_AGAIN_S)
        self._remind(ask)
        return self._ask(ask)

    def _pause(self) -> float:
        """Lent: the line is somebody else's until it is taken back."""
        self._driver.close()
        if not self._given.is_set():
            log.info("line %s: lent, polling pauses", self._line.name)
        self._given.set()
        return LOOK_AGAIN_S

    # -- jobs -----------------------------------------------------------------------------------------

    def _do(self, job: Job) -> float:
        """One job to its end; whatever that is, it is told."""
        doing, self._doing = self._doing, job.priority
        self._note_backlog(job.priority)
        try:
            result = job.work(self._driver.talk(self._meters[job.meter]))
        except LinkDown as down:
            tell(job, down)
            raise
        except (NoReply, FrameError, Refused) as failure:
            self._line_works()
            tell(job, failure)
        except Exception as defect:
            log.exception("line %s: job %s of meter %s", self._line.name, job.name, job.meter)
            tell(job, defect)
        else:
            self._line_works()
            tell(job, result)
        finally:
            self._doing = doing
        return 0.0

    def _let_pass(self, meter: MeterSettings) -> None:
        """Between two questions: what has more right goes first, but no look overtakes its own reading."""
        del meter
        while job := self._take(self._doing):
            self._do(job)
        while self._unaccepted is None:
            ask = self._schedule.next(self._now_s())
            if ask is None or right_of(ask) >= self._doing or ask.meter.id == self._asking:
                return
            self._ask(ask)

    def _take(self, before: int) -> Job | None:
        self._jobs.expire(self._clock.monotonic_s())
        return self._jobs.take(before)

    def _note_backlog(self, right: int) -> None:
        waited_s = self._jobs.pass_over_backlog(right, self._clock.monotonic_s())
        if waited_s > STARVED_S:
            self._seldom.tell(
                "full", logging.WARNING,
                "line %s is full: what meters remember waits since %.0f s; ask fewer meters, or less often",
                self._line.name, waited_s,
            )  # fmt: skip

    # -- regular asks ---------------------------------------------------------------------------------

    def _ask(self, ask: Ask) -> float:
        meter = ask.meter.id
        doing, self._doing = self._doing, right_of(ask)
        asking, self._asking = self._asking, meter
        self._note_backlog(self._doing)
        try:
            if ask.probe:
                self._driver.probe(ask.meter)
            values = self._driver.read(ask.meter) if ask.read else {}
        except NoReply as silence:
            self._line_works()
            self._silent(meter, silence)
        except FrameError as error:
            self._line_works()
            self._seldom.tell(meter, logging.INFO, "line %s, meter %s: %s", self._line.name, meter, error)
            self._tallies.count(meter, asked=1)
            self._schedule.deferred(meter, self._now_s())
        except Refused as refused:
            self._seldom.tell(
                meter, logging.WARNING, "line %s, meter %s: no reading: %s", self._line.name, meter, refused
            )
            self._present(meter)
        except BaseException:
            self._schedule.deferred(meter, self._now_s())
            raise
        else:
            return self._answered(ask, values)
        finally:
            self._doing, self._asking = doing, asking
        return 0.0

    def _answered(self, ask: Ask, values: dict[str, Value]) -> float:
        if not ask.read:
            at_ms = self._clock.now_ms()
            self._line_works()
            self._tallies.count(ask.meter.id, answered_at_ms=at_ms)
            self._schedule.present(ask.meter.id)
            return 0.0
        self._present(ask.meter.id)
        verdict = self._weigh(ask.meter, values)
        at_ms = self._clock.now_ms()
        quality = Quality.SUSPECT if verdict.suspect else self._quality(at_ms)
        return self._hand_over(Reading(ask.meter.id, at_ms, Source.POLLED, verdict.values, quality))

    def _weigh(self, meter: MeterSettings, values: dict[str, Value]) -> Verdict:
        """What is hard to believe is asked for once more, at once."""
        now_s = self._clock.monotonic_s()
        care = self._noise.care(self._driver.garbled, now_s)
        verdict = self._judge.weigh(
            meter, self._models[meter.model], values, now_s, lambda: self._again(meter), care=care
        )
        for doubt in verdict.doubts:
            end = "said twice, suspect" if verdict.suspect else "settled by asking again"
            self._seldom.tell(
                f"{meter.id} {doubt.quantity}", logging.WARNING,
                "line %s, meter %s: %s: %s", self._line.name, meter.id, doubt.text, end,
            )  # fmt: skip
        return verdict

    def _again(self, meter: MeterSettings) -> dict[str, Value] | None:
        try:
            return self._driver.read(meter)
        except Interrupted:
            raise
        except (NoReply, FrameError, Refused, LinkDown) as failure:
            log.info("line %s, meter %s: not said twice: %s", self._line.name, meter.id, failure)
            return None

    def _present(self, meter: str) -> None:
        self._line_works()
        at_ms = self._clock.now_ms()
        self._tallies.count(meter, asked=1, answered=1, answered_at_ms=at_ms)
        if self._schedule.answered(meter, at_ms / 1000):
            log.info("line %s, meter %s: answers again", self._line.name, meter)

    def _silent(self, meter: str, silence: NoReply) -> None:
        log.debug("line %s, meter %s: %s", self._line.name, meter, silence)
        self._tallies.count(meter, asked=1, unanswered=1)
        if self._schedule.unanswered(meter, self._now_s()):
            log.warning("line %s, meter %s: silent (%s)", self._line.name, meter, silence)

    def _hand_over(self, reading: Reading) -> float:
        self._unaccepted = reading
        if not self._accept(reading):
            if not self._storage_faults.grown:
                log.error("line %s: polling waits until the storage takes readings", self._line.name)
            return self._storage_faults.next_s()
        if self._storage_faults.grown:
            log.info("line %s: the storage takes readings again", self._line.name)
            self._storage_faults.reset()
        self._unaccepted = None
        return 0.0

    def _line_works(self) -> None:
        self._line_faults.reset()
        self._connected = True

    def _line_is_down(self, down: LinkDown) -> float:
        if not self._line_faults.grown:
            log.warning("line %s is down: %s", self._line.name, down)
        self._connected = False
        for job in self._jobs.take_up_to(Priority.ON_DEMAND):  # somebody waits for these
            tell(job, down)
        return self._line_faults.next_s()

    def _remind(self, ask: Ask) -> None:
        """A plan that does not fit shows as regular asks that come a whole interval late."""
        if not ask.probe and ask.late_s > ask.meter.interval_s:
            self._seldom.tell(
                "behind", logging.WARNING,
                "line %s is behind: meter %s is asked %.0f s late: ask fewer meters, or less often",
                self._line.name, ask.meter.id, ask.late_s,
            )  # fmt: skip

    def _quality(self, at_ms: int) -> Quality:
        sure = can_date(at_ms) and self._clock.state() is not ClockState.UNSYNCED
        return Quality.GOOD if sure else Quality.CLOCK_UNSURE

    def _now_s(self) -> float:
        return self._clock.now_ms() / 1000
