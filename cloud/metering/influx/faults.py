"""What an answer of an InfluxDB means for who asked, and how long to leave it alone after one.

400, 413, 422: something in the body is refused, and only that. 401, 403, 404: the station's settings are
wrong; asking again soon is no use. Anything else, and silence: nothing is promised, it is tried again later.
"""

import threading
import time
from collections.abc import Callable

from cloud.metering.store import StoreFault

REFUSED = frozenset({400, 413, 422})
SETTINGS = frozenset({401, 403, 404})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0
LONGEST_RETRY_AFTER_S = 300.0
SETTLE_S = 2.0
"""After silence: what was sent may still be written, and must be before anything is read or written again."""


class LinesRefused(Exception):
    """400, 413 or 422: `dropped` is how many lines the engine says it left out, if it says so."""

    def __init__(self, status: int, message: str, dropped: int | None) -> None:
        super().__init__(message)
        self.status, self.message, self.dropped = status, message, dropped


class QuestionRefused(StoreFault):
    """`told` is the engine's own word on a statement."""

    def __init__(self, told: str) -> None:
        super().__init__(f"InfluxDB refuses a question: {told}")
        self.told = told


class Unanswered(Exception):
    """The request was sent, or part of it, and no answer came."""


class Pause:
    """While one lasts nothing is sent; every further refusal of the settings doubles it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._until, self._why, self._next_s = 0.0, "", FIRST_PAUSE_S

    def check(self) -> None:
        """StoreFault while a pause lasts."""
        with self._turn:
            left_s = self._until - self._monotonic()
            if left_s > 0:
                raise StoreFault(f"{self._why}; asked again in {left_s:.0f} s")

    def settings(self, why: str) -> None:
        with self._turn:
            self._begin(self._next_s, why)
            self._next_s = min(self._next_s * 2, LONGEST_PAUSE_S)

    def told(self, retry_after: str | None, why: str) -> None:
        """The server said when to come back, in seconds; a date or nonsense is no pause."""
        if retry_after is not None and retry_after.strip().isdecimal():
            with self._turn:
                self._begin(min(float(retry_after), LONGEST_RETRY_AFTER_S), why)

    def silence(self, why: str) -> None:
        with self._turn:
            self._begin(SETTLE_S, why)

    def over(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def _begin(self, pause_s: float, why: str) -> None:
        self._until, self._why = max(self._until, self._monotonic() + pause_s), why


def remedy(status: int, url: str, org: str, bucket: str) -> str:
    """One line for a wrong setting: what, where, what to do."""
    if status == 404:
        return (
            f"InfluxDB at {url} has no bucket {bucket!r}: "
            f"make it with `influx bucket create --org {org} --name {bucket}`"
        )
    what = "does not know the token" if status == 401 else f"forbids the token bucket {bucket!r}"
    return (
        f"InfluxDB at {url} {what}: "
        f"readings.influxdb.token_file should hold one that may read and write bucket {bucket!r}"
    )


def unreadable(told: str) -> bool:
    """Whether an answer says that this bucket is not to be seen; 2.7 says so if a token may only write."""
    return told.startswith(("database not found", "default retention policy not set"))


def unmapped(url: str, bucket: str) -> str:
    """One line for a bucket that takes writes and answers no InfluxQL."""
    return (
        f"InfluxDB at {url} answers no InfluxQL for bucket {bucket!r}: readings.influxdb.token_file should "
        "hold a token that may read it as well as write it; an older 2.x needs a mapping too: "
        f"`influx v1 dbrp create --db {bucket} --rp autogen --default --bucket-id` and its id"
    )
