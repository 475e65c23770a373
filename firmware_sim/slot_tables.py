"""The slot table a meter holds: which tariff counts when, as it stands in 04010000 and 04010001 to 8."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from firmware_sim.calendar import BAND_OF_SLOT, DAY_S, EDGES, SLOT_S

Row = tuple[int, int, int]
"""A zone: month, day, day table. A slot: hour, minute, tariff."""
MOST_SLOTS = 14
_TARIFFS = range(1, 5)


@dataclass(frozen=True, slots=True)
class SlotTable:
    """`zones` say from which day of the year which day table holds; day tables count from 1."""

    zones: tuple[Row, ...]
    days: tuple[tuple[Row, ...], ...]

    def spans(self, day: date) -> list[tuple[int, int, int]]:
        """(start second, end second, tariff) of that day, in order; before the first slot the last holds."""
        slots = self.days[self._table(day) - 1]
        starts = [(hour * 3600 + minute * 60, tariff) for hour, minute, tariff in slots]
        if starts[0][0] > 0:
            starts.insert(0, (0, starts[-1][1]))
        ends = [start for start, _ in starts[1:]] + [DAY_S]
        return [
            (start, end, tariff) for (start, tariff), end in zip(starts, ends, strict=True) if start < end
        ]

    def _table(self, day: date) -> int:
        begun = [
            table for month, first, table in sorted(self.zones) if (month, first) <= (day.month, day.day)
        ]
        return begun[-1] if begun else max(self.zones)[2]


STANDARD = SlotTable(
    ((1, 1, 1),),
    (tuple((s * SLOT_S // 3600, s * SLOT_S % 3600 // 60, BAND_OF_SLOT[s] + 1) for s, _ in pairwise(EDGES)),),
)
"""What every meter holds that was set right."""


def from_texts(slots: tuple[str, ...]) -> SlotTable:
    """A table of one day from texts such as "08:00 2"; ValueError says what is wrong with them."""
    rows = tuple(_row(text) for text in slots)
    if not 1 <= len(rows) <= MOST_SLOTS or list(rows) != sorted(rows) or rows[0][:2] != (0, 0):
        raise ValueError(f"a day has 1 to {MOST_SLOTS} slots in order, the first at 00:00")
    return SlotTable(((1, 1, 1),), (rows,))


def rows_of(raw: bytes) -> tuple[Row, ...] | None:
    """The rows of a table as written: three bytes each, low byte first; None when they are none."""
    digits = [raw[at : at + 3][::-1].hex() for at in range(0, len(raw), 3)]
    if not raw or len(raw) % 3 or not all(row.isdecimal() for row in digits):
        return None
    return tuple((int(row[:2]), int(row[2:4]), int(row[4:])) for row in digits)


def raw_of(rows: tuple[Row, ...]) -> bytes:
    return b"".join(bytes.fromhex(f"{a:02d}{b:02d}{c:02d}")[::-1] for a, b, c in rows)


def are_slots(rows: tuple[Row, ...]) -> bool:
    """Whether a meter can count by them."""
    times = [row[:2] for row in rows]
    return times == sorted(times) and all(h < 24 and m < 60 and n in _TARIFFS for h, m, n in rows)


def _row(text: str) -> Row:
    time, _, tariff = text.partition(" ")
    hour, _, minute = time.partition(":")
    if not (hour.isdecimal() and minute.isdecimal() and tariff.isdecimal()):
        raise ValueError(f'{text!r} is no slot; write "hh:mm TARIFF" such as "08:00 2"')
    row = (int(hour), int(minute), int(tariff))
    if not are_slots((row,)):
        raise ValueError(f"{text!r}: there is no such time or tariff (1 to 4)")
    return row
