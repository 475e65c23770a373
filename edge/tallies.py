"""How often each meter of a line was asked and answered: what Health tells, safe to read from any thread."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from protocols.mqtt.messages import MeterHealth


@dataclass(slots=True)
class _Tally:
    asked: int = 0
    answered: int = 0
    unanswered: int = 0
    answered_at_ms: int | None = None


class Tallies:
    def __init__(self, line: str, meters: Iterable[str]) -> None:
        self._line = line
        self._lock = Lock()
        self._tallies = {meter: _Tally() for meter in meters}

    def count(
        self,
        meter: str,
        asked: int = 0,
        answered: int = 0,
        unanswered: int = 0,
        answered_at_ms: int | None = None,
    ) -> None:
        """A meter that was heard, at `answered_at_ms`, is silent no more."""
        with self._lock:
            tally = self._tallies[meter]
            tally.asked += asked
            tally.answered += answered
            tally.unanswered = 0 if answered_at_ms is not None else tally.unanswered + unanswered
            tally.answered_at_ms = answered_at_ms if answered_at_ms is not None else tally.answered_at_ms

    def take_over(self, before: "Tallies") -> None:
        """The counts of the meters that were of this line before."""
        with before._lock, self._lock:
            self._tallies |= {
                meter: each for meter, each in before._tallies.items() if meter in self._tallies
            }

    def health(self) -> list[MeterHealth]:
        with self._lock:
            return [self._of(meter, tally) for meter, tally in self._tallies.items()]

    def _of(self, meter: str, tally: _Tally) -> MeterHealth:
        return MeterHealth(
            meter=meter,
            line=self._line,
            asked=tally.asked,
            answered=tally.answered,
            unanswered=tally.unanswered,
            answered_at_ms=tally.answered_at_ms,
        )
