"""What is to happen and when, in simulated time; events come in the order of their times.

In real or scaled time the script plays itself; a clock that is moved by hand has `play_until`.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from firmware_sim.clock import Clock, ManualClock

Instant = float | datetime
"""Seconds after the start of the fleet, or an aware instant."""
_LOOK_S = 0.02
"""How often a running script looks at the clock: it may be moved by hand."""


class Script:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start_ms = clock.now_ms()
        self._due: list[tuple[int, int, Callable[[], Awaitable[Any]]]] = []
        self._added = 0
        self._task: asyncio.Task[None] | None = None
        self._playing = asyncio.Lock()

    def at_ms(self, at: Instant) -> int:
        """An instant of the scenario as Unix ms."""
        if isinstance(at, datetime):
            return round(at.timestamp() * 1000)
        return self._start_ms + round(at * 1000)

    def add(self, at: Instant, act: Callable[[], Awaitable[Any]]) -> None:
        """Two events of one instant happen in the order they were added."""
        heapq.heappush(self._due, (self.at_ms(at), self._added, act))
        self._added += 1

    async def play_due(self) -> None:
        """Let everything happen that is due by now."""
        async with self._playing:
            while self._due and self._due[0][0] <= self._clock.now_ms():
                await heapq.heappop(self._due)[2]()

    async def play_until(self, at_ms: int) -> None:
        """Move a manual clock on to that instant, with every event on the way at its own time."""
        assert isinstance(self._clock, ManualClock)
        while self._due and self._due[0][0] <= at_ms:
            self._clock.move_to(max(self._due[0][0], self._clock.now_ms()))
            await self.play_due()
        self._clock.move_to(at_ms)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._due:
            await asyncio.sleep(_LOOK_S)
            await self.play_due()
