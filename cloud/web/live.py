"""What has just happened, told to every open console: fed from any thread, read on the event loop, bounded.

Telling never blocks and never raises: a slow browser loses its oldest readings and is told how many.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cloud.kit.errors import TooMany
from protocols.readings import Reading

KEPT = 40
"""Readings a new console begins with, and the most that wait for a slow one between two ticks."""
LISTENERS = 64


@dataclass(frozen=True, slots=True)
class News:
    """What came since last time, newest last. `first` opens a stream; with nothing in it: a sign of life."""

    readings: tuple[Reading, ...]
    skipped: int
    changed: bool
    first: bool = False


class Listener:
    """One open console. `tell` comes from other threads under the broadcaster's lock."""

    def __init__(self, recent: Sequence[Reading]) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._end = asyncio.Event()
        self._lock = threading.Lock()
        self._readings: deque[Reading] = deque(recent, maxlen=KEPT)
        self._skipped = 0
        self._changed = False
        self.closed = False

    def tell(self, readings: Sequence[Reading], more: int = 0, *, close: bool = False) -> None:
        with self._lock:
            self._skipped += more + max(0, len(self._readings) + len(readings) - KEPT)
            self._readings.extend(readings)
            self._changed = True
            self.closed = self.closed or close
        with suppress(RuntimeError):  # its loop has ended: nobody listens there any more
            self._loop.call_soon_threadsafe(self._rouse)

    def _rouse(self) -> None:
        self._wake.set()
        if self.closed:
            self._end.set()

    def take(self, *, first: bool = False) -> News:
        with self._lock:
            news = News(tuple(self._readings), self._skipped, self._changed, first)
            self._readings.clear()
            self._skipped, self._changed = 0, False
            self._wake.clear()
        return news

    async def wait(self, seconds: float) -> None:
        """Until something is told, or so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def pause(self, seconds: float) -> None:
        """So long, cut short only by the end; readings that come meanwhile go out together."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end.wait(), seconds)


class Broadcaster:
    """One for the whole process; `close` ends every stream at once and for good."""

    def __init__(self, *, tick_s: float = 1.0, heartbeat_s: float = 15.0) -> None:
        self._tick_s = tick_s
        self._heartbeat_s = heartbeat_s
        self._lock = threading.Lock()
        self._recent: deque[Reading] = deque(maxlen=KEPT)
        self._listeners: set[Listener] = set()
        self._closed = False

    def readings(self, readings: Sequence[Reading], more: int = 0) -> None:
        """Readings that are stored for good, and how many more there were; called after the commit."""
        with self._lock:
            self._recent.extend(readings)
            for listener in self._listeners:
                listener.tell(readings, more)

    def changed(self) -> None:
        """An alert, an order or a gateway is no longer what a page shows."""
        self.readings(())

    def close(self) -> None:
        """Before the server is asked to stop: a stream left open would hold it up."""
        with self._lock:
            self._closed = True
            for listener in self._listeners:
                listener.tell((), close=True)

    @property
    def listening(self) -> int:
        with self._lock:
            return len(self._listeners)

    async def listen(self) -> AsyncIterator[News]:
        """News at most once a tick, a sign of life when there is none; ends when the broadcaster closes."""
        listener = self._enter()
        try:
            yield listener.take(first=True)
            while not listener.closed:
                await listener.wait(self._heartbeat_s)
                if listener.closed:
                    return
                yield listener.take()
                await listener.pause(self._tick_s)
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _enter(self) -> Listener:
        with self._lock:
            if len(self._listeners) >= LISTENERS:
                raise TooMany(f"{LISTENERS} consoles listen already: close one", 60)
            listener = Listener(self._recent)
            listener.closed = self._closed
            self._listeners.add(listener)
            return listener
