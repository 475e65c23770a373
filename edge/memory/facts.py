"""What a meter says of itself, read back: slot tables, settlement days, ratios, relay, status, events.

It is held against registry and tariff document elsewhere; nothing here judges it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from edge.drivers import MeterTalk
from edge.memory.asking import ASSET, SETTLEMENT_DAYS
from edge.settings import MeterSettings
from protocols.dlt645 import status
from protocols.dlt645.events import EVENTS, decode_count
from protocols.dlt645.identifiers import lookup
from protocols.dlt645.values import decode_value
from protocols.errors import FrameError, Refused
from protocols.mqtt.orders import Capability, MeterFacts, Slot

Answers = dict[str, bytes]
"""By DI; one that the meter refuses is not there."""
CT_RATIO, PT_RATIO, VERSION_TEXT = "04000306", "04000307", "0400040D"
DAY_TABLES: Final = "04000202"
SETTLEMENT_1997: Final = "C117"
EVENT_NAMES: Final = (
    "power_down", "phase_failure", "cover_open", "terminal_cover_open", "magnetic_field", "clock_set",
    "programming", "slot_table_set", "relay_trip", "relay_close",
)  # fmt: skip
_MOST_TABLES: Final = 8
_SETS: Final = ("040100", "040200")
_PER_ERRAND: Final = 4
_FIRST: Final = (
    ASSET, VERSION_TEXT, CT_RATIO, PT_RATIO, *SETTLEMENT_DAYS, DAY_TABLES,
    *(status.di(word) for word in range(1, 8)), *(EVENTS[name].count_di for name in EVENT_NAMES),
)  # fmt: skip


def wanted(protocol: str, answers: Mapping[str, bytes]) -> tuple[str, ...]:
    """All that is to be asked; which slot tables there are is known from the first answers."""
    if protocol == "dlt645-1997":
        return (SETTLEMENT_1997,)
    if protocol != "dlt645-2007":
        return ()
    zones = "04020000" if _second(answers, "zone_table_2") else "04010000"
    tables = "040200" if _second(answers, "slot_table_2") else "040100"
    many = min(_number(answers, DAY_TABLES) or 1, _MOST_TABLES)
    return (*_FIRST, zones, *(f"{tables}{number:02X}" for number in range(1, int(many) + 1)))


def ask_some(talk: MeterTalk, dis: Sequence[str]) -> Answers:
    """A few of them: the work of one errand."""
    found: Answers = {}
    for di in dis[:_PER_ERRAND]:
        try:
            found[di] = talk.ask(di)
        except Refused:
            found[di] = b""
    return found


def built(
    gateway: str, meter: MeterSettings, at_ms: int, answers: Mapping[str, bytes],
    offset_s: float | None, capability: Capability | None,
) -> MeterFacts:  # fmt: skip
    said = {di: data for di, data in answers.items() if data}
    words = {
        word: int.from_bytes(said[di][:2], "little")
        for word in range(1, 8)
        if (di := status.di(word)) in said
    }
    days = [_days(said[di]) for di in (*SETTLEMENT_DAYS, SETTLEMENT_1997) if di in said]
    return MeterFacts(
        gateway=gateway, meter=meter.id, at_ms=at_ms, model=meter.model,
        address=meter.address or str(meter.unit), capability=capability, clock_offset_s=offset_s,
        settlement_days=[day for day in days if day],
        zones=[row for di in ("04010000", "04020000") if di in said for row in _rows(said[di])],
        day_tables=[_slots(said[di]) for di in sorted(said) if di[:6] in _SETS and di[6:] != "00"],
        ct_ratio=_number(said, CT_RATIO), pt_ratio=_number(said, PT_RATIO),
        relay_open=status.relay_open(words[3]) if 3 in words else None,
        status=[name for word, value in words.items() for name in status.status_names(word, value)],
        asset_number=_text(said, ASSET), protocol_version=_text(said, VERSION_TEXT),
        events=dict(_events(said)),
        unverified=[di for di in said if _is_unverified(di)],
    )  # fmt: skip


def mark(facts: MeterFacts) -> bytes:
    """What makes them other facts than before: neither the time nor how far the clock is off."""
    still = msgspec.structs.replace(facts, at_ms=0, clock_offset_s=None)
    return blake2b(msgspec.json.encode(still), digest_size=8).digest()


def _second(answers: Mapping[str, bytes], bit: str) -> bool:
    raw = answers.get(status.di(3), b"")
    return bit in status.status_names(3, int.from_bytes(raw[:2], "little"))


def _is_unverified(di: str) -> bool:
    item = lookup(di) if len(di) == 8 else None
    event = next((each for each in EVENTS.values() if each.count_di == di), None)
    return (item is not None and item.source == "unverified") or (
        event is not None and event.source == "unverified"
    )


def _readable(read: Callable[[], object]) -> object | None:
    try:
        return read()
    except FrameError:
        return None


def _value(answers: Mapping[str, bytes], di: str) -> object | None:
    item, raw = lookup(di), answers.get(di)
    return _readable(lambda: decode_value(raw, item)) if item and raw else None


def _number(answers: Mapping[str, bytes], di: str) -> float | None:
    value = _value(answers, di)
    return None if value is None else float(str(value))


def _text(answers: Mapping[str, bytes], di: str) -> str:
    value = _value(answers, di)
    return str(value) if value is not None else ""


def _days(raw: bytes) -> str:
    """A settlement day as "DD hh:mm"; empty where none is set."""
    digits = raw[:2][::-1].hex()
    if not digits.isdecimal() or digits in ("0000", "9999"):
        return ""
    return f"{digits[:2]} {digits[2:]}:00"


def _rows(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Three bytes each; what follows the last that is set repeats it, and is left out."""
    before = None
    for at in range(0, len(raw) - 2, 3):
        digits = raw[at : at + 3][::-1].hex()
        if not digits.isdecimal() or digits == before:
            continue
        before = digits
        yield int(digits[:2]), int(digits[2:4]), int(digits[4:])


def _slots(raw: bytes) -> list[Slot]:
    rows = (row for row in _rows(raw) if row[0] < 24 and row[1] < 60 and 1 <= row[2] <= 63)
    return [Slot(hour * 60 + minute, tariff) for hour, minute, tariff in rows]


def _events(answers: Mapping[str, bytes]) -> Iterator[tuple[str, int]]:
    """How often each happened; of three phases the sum."""
    for name in EVENT_NAMES:
        di = EVENTS[name].count_di
        if answers.get(di):
            counts = _readable(lambda di=di: decode_count(di, answers[di]))  # type: ignore[misc]
            if isinstance(counts, dict):
                yield name, sum(n for key, n in counts.items() if key.startswith("count") and n is not None)
