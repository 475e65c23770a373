"""The gateway's clocks: wall time, time since boot, and how far wall time can be believed.

Everything that needs time is handed a Clock; nothing else in this program asks the system for it.
"""

import ctypes
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from protocols.mqtt.messages import ClockState

FIRST_VALID_MS: Final = 1_704_067_200_000
"""2024-01-01T00:00:00Z. A gateway that says it is earlier has lost its clock and may not date a reading."""

_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    @property
    def boot(self) -> str:
        """The id of this boot: a time since boot means something only together with it."""
        ...

    def now(self) -> datetime: ...

    def now_ms(self) -> int: ...

    def since_boot_ns(self) -> int:
        """Never steps, never goes back, counts on through suspend."""
        ...

    def monotonic_s(self) -> float:
        """The same clock in seconds, for intervals and back-off."""
        ...

    def state(self) -> ClockState: ...


class SystemClock:
    def __init__(self) -> None:
        self.boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"

    def now(self) -> datetime:
        return datetime.now(UTC)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def since_boot_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def monotonic_s(self) -> float:
        return self.since_boot_ns() / 1e9

    def state(self) -> ClockState:
        return ClockState.UNSYNCED if not can_date(self.now_ms()) else kernel_clock_state()


def can_date(at_ms: int) -> bool:
    """Whether a wall clock that shows this may date a reading.

    Only a plainly impossible time is refused: a gateway without any time server still has a clock
    that runs, and its state is told to the cloud in every Health.
    """
    return at_ms >= FIRST_VALID_MS


class _Timex(ctypes.Structure):
    """struct timex of the kernel (adjtimex(2)); only `status` is looked at."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def kernel_clock_state() -> ClockState:
    """What the kernel knows about wall time; UNKNOWN where it does not tell."""
    timex = _Timex()
    try:
        result = _libc().adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return ClockState.UNKNOWN
    if result < 0:
        return ClockState.UNKNOWN
    unsynced = result == _TIME_ERROR or timex.status & _STA_UNSYNC
    return ClockState.UNSYNCED if unsynced else ClockState.SYNCED
