"""What a meter froze (class 05) and what it kept of its settlement days, with the meter's own stamp.

The FF block has AAH between its parts: time, eight energies, two demands, powers; an hourly one has time,
import and export. AAH is no BCD digit pair, so a part that is not frozen leaves an empty place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from protocols.dlt645.demands import MaxDemand, decode_demands, encode_demand
from protocols.dlt645.identifiers import Item, lookup
from protocols.dlt645.measured import Number, bytes_of, value_of
from protocols.dlt645.stamps import decode_stamp, encode_stamp
from protocols.dlt645.values import decode_number
from protocols.errors import FrameError
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

KINDS: Mapping[str, int] = {
    "timed": 0x00, "instant": 0x01, "zone_switch": 0x02, "slot_switch": 0x03, "hourly": 0x04,
    "scheme_switch": 0x05, "daily": 0x06, "step_switch": 0x07,
}  # fmt: skip
MOST_BACK: Mapping[str, int] = {"timed": 0x0C, "hourly": 0xFE, "daily": 0x3E}
"""How many are kept, where a source says so."""
PARTS: Mapping[str, int] = {
    "time": 0x00, "import": 0x01, "export": 0x02, "reactive_1": 0x03, "reactive_2": 0x04, "q1": 0x05,
    "q2": 0x06, "q3": 0x07, "q4": 0x08, "demand_import": 0x09, "demand_export": 0x0A, "powers": 0x10,
    "all": 0xFF,
}  # fmt: skip
_TIME, _POWERS, _ALL = PARTS["time"], PARTS["powers"], PARTS["all"]
_BLOCK = tuple(part for part in PARTS.values() if part != _ALL)
_HOURLY_BLOCK = (0x00, 0x01, 0x02)
_DEMANDS = (0x09, 0x0A)
_BETWEEN = b"\xaa"
_TARIFFS = 4
_LAST_SETTLEMENT = 0x0C
_POWER_DIS = tuple(f"02{di2}{part:02X}00" for di2 in ("03", "04") for part in range(4))


@dataclass(frozen=True, slots=True)
class Freeze:
    """`stamp` is the meter's local time, None where the data has none (a single part, a settlement day).

    `numbers` has all that was frozen, by the DI of the same register now, in the unit of the wire.
    """

    stamp: datetime | None
    values: dict[str, Value]
    numbers: dict[str, Decimal] = field(default_factory=dict)
    demands: dict[str, tuple[MaxDemand, ...]] = field(default_factory=dict)


def di(kind: str, part: str, back: int) -> str:
    """The identifier of a frozen part, "all" for the block; `back` 1 is the last one."""
    if not 1 <= back <= MOST_BACK.get(kind, 0xFE):
        raise ValueError(f"{kind} freezes are kept {MOST_BACK.get(kind, 0xFE)} back, not {back}")
    return f"05{KINDS[kind]:02X}{PARTS[part]:02X}{back:02X}"


def settlement_di(back: int, part: str = "import") -> str:
    """The block (total and tariffs) of a settlement day, 1 the last one to 12."""
    if not 1 <= back <= _LAST_SETTLEMENT:
        raise ValueError(f"settlement days are kept {_LAST_SETTLEMENT} back, not {back}")
    if part.startswith("demand_"):
        return f"01{PARTS[part] - 8:02X}FF{back:02X}"
    if not 1 <= PARTS[part] <= 8:
        raise ValueError(f"a settlement day has no part {part}")
    return f"00{PARTS[part]:02X}FF{back:02X}"


def decode(di: str, data: bytes) -> Freeze:
    """The freeze behind a DI of class 05, or the settlement day behind one of class 00 or 01.

    What is FFH, or no number, is absent; a block whose stamp is empty holds nothing. FrameError when the
    bytes do not fit the DI.
    """
    class_, kind, part = (bytes.fromhex(di)[at] for at in range(3))
    if class_ == 0x05 and part == _ALL:
        return _block(kind, data)
    found = Freeze(None, {})
    if class_ == 0x05 and part == _TIME:
        return Freeze(decode_stamp(data), {})
    if class_ == 0x05:
        _take(found, part, data)
    elif class_ == 0x00 and 1 <= kind <= 8:
        _take(found, kind, data, one=part if part <= 0x3F else None)
    elif class_ == 0x01:
        found.demands[di] = tuple(decode_demands(di, data))
    else:
        raise FrameError("other_di", f"{di} is no freeze and no settlement day")
    return found


def encode(
    kind: str, part: str, stamp: datetime | None, numbers: Mapping[str, Number],
    demands: Mapping[str, Sequence[MaxDemand]] | None = None, tariffs: int = _TARIFFS,
) -> bytes:  # fmt: skip
    """The data behind the DI as a meter gives it; `numbers` by quantity, in the quantity's own unit.

    What is not there is FFH. `demands` has "import" and "export": the total, then the tariffs.
    """
    if part != "all":
        return _part_bytes(PARTS[part], stamp, numbers, demands or {}, tariffs)
    parts = _HOURLY_BLOCK if kind == "hourly" else _BLOCK
    return _BETWEEN.join(_part_bytes(each, stamp, numbers, demands or {}, tariffs) for each in parts)


def _block(kind: int, data: bytes) -> Freeze:
    places = _HOURLY_BLOCK if kind == KINDS["hourly"] else _BLOCK
    parts = data.split(_BETWEEN)
    if not parts[-1]:
        parts.pop()  # some end the last part as well
    if not parts or len(parts) > len(places):
        raise FrameError("freeze_parts", f"{len(parts)} parts where a freeze has {len(places)}")
    found = Freeze(decode_stamp(parts[0]) if parts[0] else None, {})
    for part, raw in zip(places[1:], parts[1:], strict=False):
        # What follows the energies can be told by its place only when nothing was left out before it.
        if raw and (part <= 8 or len(parts) == len(places)):
            _take(found, part, raw)
    return found if found.stamp else Freeze(None, {})


def _take(found: Freeze, part: int, raw: bytes, one: int | None = None) -> None:
    if part in _DEMANDS:
        di = f"01{part - 8:02X}0000"
        found.demands[di] = tuple(decode_demands(f"{di[:4]}FF00", raw))
        return
    dis = _POWER_DIS if part == _POWERS else _energy_dis(part, len(raw) // 4, one)
    items = [item for di in dis if (item := lookup(di))]
    if not items or sum(item.size for item in items) != len(raw):
        raise FrameError("value_length", f"{len(raw)} bytes do not fit part {part:02X}H of a freeze")
    at = 0
    for item in items:
        _take_number(found, item, raw[at : at + item.size])
        at += item.size


def _energy_dis(part: int, count: int, one: int | None) -> Sequence[str]:
    if not 1 <= part <= 8:
        raise FrameError("freeze_parts", f"a freeze has no part {part:02X}H")
    tariffs = range(count) if one is None else (one,)
    return [f"00{part:02X}{tariff:02X}00" for tariff in tariffs]


def _take_number(found: Freeze, item: Item, raw: bytes) -> None:
    try:
        number = decode_number(raw, item)
    except FrameError:
        return
    if number is None:
        return
    found.numbers[item.di] = number
    value = value_of(item, item.quantity, number) if item.quantity else None
    if item.quantity and value is not None:
        found.values[item.quantity] = value


def _part_bytes(
    part: int, stamp: datetime | None, numbers: Mapping[str, Number],
    demands: Mapping[str, Sequence[MaxDemand]], tariffs: int,
) -> bytes:  # fmt: skip
    if part == _TIME:
        return encode_stamp(stamp)
    if part in _DEMANDS:
        told = demands.get("import" if part == _DEMANDS[0] else "export", ())
        lacking = (MaxDemand(None, None),) * (tariffs + 1 - len(told))
        return b"".join(encode_demand(each.value, each.at) for each in (*told, *lacking))
    dis = _POWER_DIS if part == _POWERS else _energy_dis(part, tariffs + 1, None)
    return b"".join(_number_bytes(item, numbers) for di in dis if (item := lookup(di)))


def _number_bytes(item: Item, numbers: Mapping[str, Number]) -> bytes:
    quantity = item.quantity
    counter = quantity is not None and QUANTITIES[quantity].kind is Kind.COUNTER
    return bytes_of(item, numbers.get(quantity) if quantity else None, counter)
