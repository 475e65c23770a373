"""What goes on and on is told once in ten minutes, and at DEBUG in between: it must not fill the log."""

import logging
from typing import Final

from edge.clock import Clock

REMIND_S: Final = 600.0


class Seldom:
    def __init__(self, log: logging.Logger, clock: Clock) -> None:
        self._log, self._clock = log, clock
        self._told_s: dict[str, float] = {}

    def tell(self, about: str, level: int, text: str, *values: object, exc_info: bool = False) -> None:
        """`about` names the thing that is told again and again."""
        now_s = self._clock.monotonic_s()
        if now_s - self._told_s.get(about, -REMIND_S) < REMIND_S:
            level = logging.DEBUG
        else:
            self._told_s[about] = now_s
        self._log.log(level, text, *values, exc_info=exc_info)
