"""Which batches are to be sent now: the newest before the backlog, at most 32 unsettled ones under way.

A batch is under way until the cloud's Stored; the broker's PUBACK only starts the clock after which it
is sent again. It reads batches from the outbox each time, so a resend is byte-equal by construction.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from edge.back_off import BackOff
from edge.outbox import Batch, BatchKey, Outbox
from protocols.mqtt.messages import Stored

LIMIT: Final = 32
BACKLOG_LIMIT: Final = 28
"""What the backlog may take of the window, so that a live batch finds a place in it."""
BACKLOG_LEAST: Final = 2
BACKLOG_TRIP_S: Final = (0.75, 1.5)
"""The backlog takes more of the window while its batches are settled faster than the first, and less when
slower than the second: what is under way is what a live batch waits behind at a slow cloud."""
FIRST_WAIT_S: Final = 2.0
LAST_WAIT_S: Final = 60.0
_LIVE_KEPT: Final = 256


@dataclass(slots=True)
class _Flight:
    id: int
    since_s: float
    sent_s: float
    delivered: bool = False
    wait_s: float = FIRST_WAIT_S

    def due(self, now_s: float) -> bool:
        """While the broker has not even taken it, it may still be on a slow line."""
        return now_s - self.since_s >= (self.wait_s if self.delivered else LAST_WAIT_S)

    def again(self, now_s: float) -> None:
        """Each resend waits longer: a slow cloud that does get on must not be buried in copies."""
        self.since_s, self.wait_s = now_s, min(LAST_WAIT_S, 2 * self.wait_s)


class Window:
    """One thread's property; times are monotonic seconds handed in."""

    def __init__(self, outbox: Outbox, rng: Random) -> None:
        self._outbox = outbox
        self._flights: dict[BatchKey, _Flight] = {}
        self._live: list[int] = []
        self._seen = self._cursor = self._boundary = 0
        self._wait = BackOff(FIRST_WAIT_S, LAST_WAIT_S, rng)
        self._round_s = 0.0
        self._progress = False
        self._backlog_limit = BACKLOG_LIMIT

    @property
    def under_way(self) -> int:
        return len(self._flights)

    def reopen(self) -> None:
        """A new connection: nothing that was under way is believed to have arrived."""
        newest = self._outbox.newest_id()
        self._flights.clear()
        self._live.clear()
        self._cursor, self._boundary, self._seen = 0, newest, max(0, newest - 1)

    def next(self, now_s: float) -> list[Batch]:
        """What is to be published now, in this order."""
        return [*self._fresh(now_s), *self._backlog(now_s), *self._again(now_s)]

    def delivered(self, key: BatchKey, now_s: float) -> None:
        """The broker has taken it; that proves nothing, but from now on an answer is due."""
        flight = self._flights.get(key)
        if flight and not flight.delivered:
            flight.delivered, flight.since_s = True, now_s

    def settled(self, stored: Stored, now_s: float) -> None:
        """The outbox has let go of these: their places are free, and whoever waits longer is asked after."""
        done = [self._flights.pop(key) for key in tuple(self._flights) if _covers(stored, key)]
        if done:
            self._pace(now_s - max(flight.sent_s for flight in done))
            self._progress = True
            if self._wait.grown:
                self._wait.reset()
                self._round_s = min(self._round_s, now_s + FIRST_WAIT_S)

    def _pace(self, trip_s: float) -> None:
        fast_s, slow_s = BACKLOG_TRIP_S
        if trip_s > slow_s:
            self._backlog_limit = max(BACKLOG_LEAST, self._backlog_limit * 3 // 4)
        elif trip_s < fast_s:
            self._backlog_limit = min(BACKLOG_LIMIT, self._backlog_limit + 1)

    def _fresh(self, now_s: float) -> list[Batch]:
        for batch_id in self._outbox.ids(after=self._seen, limit=4 * _LIVE_KEPT):
            self._live.append(batch_id)
            self._seen = batch_id
        if len(self._live) > _LIVE_KEPT:  # what is not sent in time becomes backlog
            self._live = self._live[-_LIVE_KEPT:]
            self._boundary = self._live[0] - 1
        sent = []
        while self._live and len(self._flights) < LIMIT:
            batch = self._outbox.batch(self._live.pop())
            if batch and self._take_off(batch, now_s):
                sent.append(batch)
        return sent

    def _backlog(self, now_s: float) -> list[Batch]:
        sent: list[Batch] = []
        while self._cursor < self._boundary and len(self._flights) < self._backlog_limit:
            free = self._backlog_limit - len(self._flights)
            batches = self._outbox.unsettled(free, after=self._cursor, until=self._boundary)
            self._cursor = batches[-1].id if batches else self._boundary
            sent += [batch for batch in batches if self._take_off(batch, now_s)]
        return sent

    def _take_off(self, batch: Batch, now_s: float) -> bool:
        if batch.key in self._flights:
            return False
        if not self._flights:
            self._wait.reset()
            self._await_progress(now_s)
        self._flights[batch.key] = _Flight(batch.id, now_s, now_s)
        return True

    def _again(self, now_s: float) -> list[Batch]:
        """While nothing comes back the oldest alone knocks; once something does, all that wait follow."""
        due = [] if now_s < self._round_s else [f for f in self._flights.items() if f[1].due(now_s)]
        if not due:
            return []
        due.sort(key=lambda each: each[1].id)
        knocking = due if self._progress else due[:1]
        self._await_progress(now_s)
        return [batch for key, flight in knocking if (batch := self._once_more(key, flight, now_s))]

    def _once_more(self, key: BatchKey, flight: _Flight, now_s: float) -> Batch | None:
        batch = self._outbox.batch(flight.id)
        if batch is None:  # given up at the cap, or settled by a message we did not see
            del self._flights[key]
        else:
            flight.again(now_s)
        return batch

    def _await_progress(self, now_s: float) -> None:
        self._progress = False
        self._round_s = now_s + self._wait.next_s()


def _covers(stored: Stored, key: BatchKey) -> bool:
    return stored.epoch == key.epoch and any(first <= key.seq <= last for first, last in stored.settled)
