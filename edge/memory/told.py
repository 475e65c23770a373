"""When a meter's facts are read back, and told: monthly, after an exchange, and whenever they are ordered."""

from collections.abc import Callable
from typing import Any, Final

from edge.back_off import BackOff as BackOff
from edge.clock import Clock
from edge.drivers import MeterTalk
from edge.jobs import Priority
from edge.memory import facts
from edge.memory.errands import Errand
from edge.memory.gaps import DAY_MS, Gaps
from edge.orders.states import Event, Outcome
from edge.settings import MeterSettings
from protocols import models
from protocols.mqtt import orders
from protocols.mqtt.orders import Capability

EVERY_MS: Final = 30 * DAY_MS
Finish = Callable[[Event, Outcome], None]


class Told:
    """Called in one thread. `probe` asks what a meter lets us do; `say` publishes."""

    def __init__(
        self, gaps: Gaps, gateway: str, clock: Clock, say: Callable[[str, bytes], None],
        probe: Callable[[MeterTalk], Capability],
    ) -> None:  # fmt: skip
        self._gaps, self._gateway, self._clock, self._say, self._probe = gaps, gateway, clock, say, probe
        self._answers: dict[str, facts.Answers] = {}
        self._capability: dict[str, Capability] = {}
        self._asked: dict[str, list[tuple[Finish, int]]] = {}

    def ask(self, meter: str, finish: Finish, until_ms: int) -> None:
        """Somebody orders them: read anew, and told whether they changed or not."""
        self._asked.setdefault(meter, []).append((finish, until_ms))
        self._answers.pop(meter, None)
        self._capability.pop(meter, None)

    def forget(self, meter: str) -> None:
        """Another meter hangs there: all it says is new."""
        self._answers.pop(meter, None)
        self._capability.pop(meter, None)

    def expire(self, now_ms: int) -> None:
        for meter, asked in list(self._asked.items()):
            for finish, until_ms in asked:
                if until_ms <= now_ms:
                    finish(Event.FAIL, Outcome(f"meter {meter} did not tell its facts in time"))
            self._asked[meter] = [each for each in asked if each[1] > now_ms]
            if not self._asked[meter]:
                del self._asked[meter]

    def ordered(self, meter: MeterSettings) -> Errand | None:
        return self._errand(meter, Priority.ON_DEMAND) if meter.id in self._asked else None

    def next(self, meter: MeterSettings) -> Errand | None:
        due = self._clock.now_ms() - self._gaps[meter.id].facts_at_ms >= EVERY_MS
        return self._errand(meter, Priority.BACKLOG) if due else None

    def _errand(self, meter: MeterSettings, priority: Priority) -> Errand:
        answers = self._answers.setdefault(meter.id, {})
        if meter.id not in self._capability:
            return Errand(
                meter.id, "capability", self._probe, lambda end: self._probed(meter.id, end), None, priority
            )
        left = [di for di in facts.wanted(models.load(meter.model).protocol, answers) if di not in answers]
        return Errand(
            meter.id, "facts",
            lambda talk: facts.ask_some(talk, left),
            lambda found: self._take(meter, found),
            None, priority,
        )  # fmt: skip

    def _probed(self, meter: str, end: Any) -> None:
        self._capability[meter] = end

    def _take(self, meter: MeterSettings, found: facts.Answers) -> None:
        answers = self._answers.setdefault(meter.id, {})
        answers |= found
        if any(di not in answers for di in facts.wanted(models.load(meter.model).protocol, answers)):
            return
        self._tell(meter, self._answers.pop(meter.id))

    def _tell(self, meter: MeterSettings, answers: facts.Answers) -> None:
        state, now_ms = self._gaps[meter.id], self._clock.now_ms()
        offset_s = state.offsets[-1].offset_s if state.offsets else None
        said = facts.built(
            self._gateway, meter, now_ms, answers, offset_s, self._capability.pop(meter.id, None)
        )
        asked = self._asked.pop(meter.id, [])
        changed = facts.mark(said) != state.facts
        if changed or asked:
            self._say("facts", orders.encode(said))
        self._gaps.change(meter.id, facts=facts.mark(said), facts_at_ms=now_ms)
        for finish, _ in asked:
            finish(Event.FINISH, Outcome("told; they changed" if changed else "told; as they were"))
