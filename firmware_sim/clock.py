"""The simulator's clocks; every instant it computes for is handed in from here."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix time in ms; never goes back while the program runs."""
        ...


class SystemClock:
    """Wall time at the start, carried on by the monotonic clock: a step back of it makes nothing fall."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        return (self._offset_ns + time.monotonic_ns()) // 1_000_000


class FastClock:
    """Runs `speed` times as fast as the clock it stands on, from the instant it was made."""

    def __init__(self, speed: float, on: Clock | None = None) -> None:
        self._on = on or SystemClock()
        self._start_ms = self._on.now_ms()
        self._speed = speed

        self._begun_ms = self._on.now_ms()

    def now_ms(self) -> int:
        return self._start_ms + round((self._on.now_ms() - self._begun_ms) * self._speed)

    def go_on_from(self, at_ms: int) -> None:
        """Carry on where an earlier run ended, which may lie ahead of the world."""
        self._start_ms, self._begun_ms = at_ms, self._on.now_ms()


def clock_of(speed: float) -> Clock:
    """Real time, or that many simulated seconds a second."""
    return SystemClock() if speed == 1 else FastClock(speed)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)

    def move_to(self, now_ms: int) -> None:
        self._now_ms = now_ms
