"""The simulator's calendar: local days of 96 quarter-hours since the meters were installed.

The zone's offset on the day of installation holds for ever, so that every day has 96 slots and sums stay
closed; in a zone with summer time the curves keep winter time.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY_S = 86_400
SLOT_S = 900
SLOTS = DAY_S // SLOT_S
SHARP, PEAK, FLAT, VALLEY = range(4)
_HOURS = [VALLEY] * 7 + [FLAT] + [PEAK] * 3 + [FLAT] * 5 + [PEAK] * 3 + [SHARP] * 2 + [PEAK, FLAT, VALLEY]
BAND_OF_SLOT = tuple(_HOURS[slot // 4] for slot in range(SLOTS))
"""The slot table every simulated meter holds: tariff 1 sharp, 2 peak, 3 flat, 4 valley."""
EDGES = (*(s for s in range(SLOTS) if s == 0 or BAND_OF_SLOT[s] != BAND_OF_SLOT[s - 1]), SLOTS)
"""Slots where a band begins, and the day's end."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """`origin_s`: Unix time of local midnight of the day of installation."""

    origin_s: int
    first_weekday: int
    first_day_of_year: int
    offset_s: int

    @classmethod
    def since(cls, installed: date, zone: ZoneInfo) -> "Calendar":
        midnight = datetime.combine(installed, time(), zone)
        offset = midnight.utcoffset()
        assert offset is not None
        return cls(
            origin_s=int(midnight.timestamp()),
            first_weekday=installed.weekday(),
            first_day_of_year=installed.timetuple().tm_yday - 1,
            offset_s=int(offset.total_seconds()),
        )

    def split(self, t_s: float) -> tuple[int, float]:
        """(day since installation, second of that day)."""
        day, second = divmod(t_s - self.origin_s, DAY_S)
        return int(day), second

    def weekend(self, day: int) -> bool:
        return (self.first_weekday + day) % 7 >= 5

    def date(self, day: int) -> date:
        return date.fromordinal(719_163 + (self.origin_s + self.offset_s) // DAY_S + day)

    def shown(self, local: datetime) -> int:
        """Unix ms at which a right clock shows that."""
        return round((local.replace(tzinfo=UTC).timestamp() - self.offset_s) * 1000)

    def local(self, at_ms: int) -> datetime:
        """What a clock on the wall of the station shows, without a zone."""
        return datetime.fromtimestamp(at_ms / 1000 + self.offset_s, UTC).replace(tzinfo=None)

    def band(self, t_s: float) -> int:
        return BAND_OF_SLOT[int(self.split(t_s)[1] // SLOT_S)]


def band_seconds(until_s: float) -> tuple[float, ...]:
    """Seconds of a day that each band has had by its second `until_s`."""
    seconds = [0.0] * 4
    for start, end in pairwise(EDGES):
        spent = min(end * SLOT_S, until_s) - start * SLOT_S
        if spent <= 0:
            break
        seconds[BAND_OF_SLOT[start]] += spent
    return tuple(seconds)
