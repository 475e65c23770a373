"""What keeps the agent itself well: systemd hears that it lives, and a release on trial is judged.

An UPDATE order installs in a thread of its own and ends the program; what became of it is said by whichever
release is in place afterwards.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge.clock import Clock
from edge.orders.states import Event, Outcome
from edge.settings import Settings
from edge.upkeep.bundle import UpdateRefused
from edge.upkeep.service import ServiceManager
from edge.upkeep.update import TrialWatch, Updater
from protocols.mqtt.orders import Order, OrderKind

log = logging.getLogger(__name__)

Finish = Callable[[Event, Outcome], None]
Handler = Callable[[Order, Finish], None]
HANGS_S: Final = 300.0
"""A part that has not moved for so long hangs: the watchdog is not fed any more."""
AGAIN_S: Final = 60.0


class Upkeep:
    def __init__(
        self, settings: Settings, clock: Clock, config: Path, manager: ServiceManager | None = None
    ) -> None:
        self._clock, self._manager = clock, manager or ServiceManager()
        self._updater = Updater(settings.update, config) if settings.update else None
        wanted = settings.update
        self._watch = (
            TrialWatch(self._updater.releases, clock, wanted.confirm_s) if self._updater and wanted else None
        )
        self._awaited: list[tuple[Order, Finish]] = []
        self._installing = threading.Lock()
        self._judge_s = 0.0
        self._ask_stop: Callable[[], None] = lambda: None

    def handlers(
        self, ask_stop: Callable[[], None]
    ) -> tuple[Mapping[OrderKind, Handler], Mapping[OrderKind, Handler]]:
        """What does UPDATE orders, and what tells the end of one that was begun before this start."""
        self._ask_stop = ask_stop
        if self._updater is None:
            return {}, {}
        return {OrderKind.UPDATE: self._update}, {OrderKind.UPDATE: self._resume}

    def ready(self, status: str) -> None:
        self._manager.ready(status)

    def stopping(self) -> None:
        self._manager.stopping()

    def tick(self, *, settled: int, moved_s: float) -> None:
        """`settled`: batches settled since the start; `moved_s`: when the slowest part last moved."""
        now_s = self._clock.monotonic_s()
        if now_s - moved_s < HANGS_S:
            self._manager.alive(now_s)
        if self._watch is None or now_s < self._judge_s:
            return
        try:
            self._judge(self._watch, settled)
        except OSError as error:  # whatever the disk does, readings are more than releases
            log.error("the trial of this release cannot be ended: %s", error)  # noqa: TRY400
            self._judge_s = now_s + AGAIN_S

    def _judge(self, watch: TrialWatch, settled: int) -> None:
        if settled and watch.on_trial:
            watch.stored()
            self._tell()
        elif watch.overdue():
            self._ask_stop()

    def _update(self, order: Order, finish: Finish) -> None:
        if not self._installing.acquire(blocking=False):
            finish(Event.REFUSE, Outcome("another update is being installed here; wait for its end"))
            return
        threading.Thread(target=self._install, args=(order, finish), name="update", daemon=True).start()

    def _install(self, order: Order, finish: Finish) -> None:
        assert self._updater is not None
        try:
            self._updater.take(order.url, order.sha256, order.signature)
        except (UpdateRefused, OSError) as refused:
            log.warning("the update is not taken: %s", refused)
            finish(Event.REFUSE, Outcome(str(refused)))
        except Exception as defect:  # it must not end the agent, which is well
            log.exception("the update failed")
            finish(Event.FAIL, Outcome(f"a defect: {defect}"))
        else:
            self._ask_stop()  # and no other update comes between
            return
        self._installing.release()

    def _resume(self, order: Order, finish: Finish) -> None:
        """Begun by the release before, or by this one before it was killed."""
        self._awaited.append((order, finish))
        if self._watch is None or not self._watch.on_trial:
            self._tell()

    def _tell(self) -> None:
        awaited, self._awaited = self._awaited, []
        for order, finish in awaited:
            words = self._updater.releases.end_of(order.sha256) if self._updater else ""
            event = {"confirmed": Event.FINISH, "rolled": Event.FAIL}.get(words.split(" ", 1)[0], Event.LOSE)
            finish(event, Outcome(words or "the program ended before it was installed"))
