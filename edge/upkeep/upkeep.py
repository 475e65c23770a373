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
        self._awaited: Finish | None = None
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
        if self._watch is None:
            return
        if settled and self._watch.on_trial:
            self._watch.stored()
            self._tell()
        elif self._watch.overdue():
            self._ask_stop()

    def _update(self, order: Order, finish: Finish) -> None:
        threading.Thread(target=self._install, args=(order, finish), name="update", daemon=True).start()

    def _install(self, order: Order, finish: Finish) -> None:
        assert self._updater is not None
        try:
            self._updater.take(order.url, order.sha256, order.signature)
        except (UpdateRefused, OSError) as refused:
            log.warning("the update is not taken: %s", refused)
            finish(Event.REFUSE, Outcome(str(refused)))
            return
        self._ask_stop()

    def _resume(self, _order: Order, finish: Finish) -> None:
        """Begun by the release before, or by this one before it was killed."""
        self._awaited = finish
        if self._watch is None or not self._watch.on_trial:
            self._tell()

    def _tell(self) -> None:
        if self._awaited is None or self._updater is None:
            return
        last = self._updater.releases.last
        word = last.split(" ", 1)[0]
        event = {"confirmed": Event.FINISH, "rolled": Event.FAIL}.get(word, Event.LOSE)
        self._awaited(event, Outcome(last or "nothing is known of this update"))
        self._awaited = None
