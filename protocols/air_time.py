"""Air time of one reading: its questions and answers in bytes on the wire, and the thinking before each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocols.dlt645.conversations import LEAD_IN
from protocols.dlt645.frame import MAX_READ_DATA, OVERHEAD
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.models import MeterModel

DLT645_THINK_S: Final = 0.1
MODBUS_THINK_S: Final = 0.05
"""What meters usually take before they answer; the standard allows a DL/T 645 meter 0.02 to 0.5 s."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and its answer, in bytes on the wire, lead-ins too."""

    what: str
    request: int
    answer: int

    @property
    def size(self) -> int:
        return self.request + self.answer


def air_time_s(model: MeterModel, byte_s: float) -> float:
    """What one reading of such a meter takes on a wire of its own: bytes, and thinking before each answer."""
    exchanges = exchanges_of(model)
    return sum(each.size * byte_s + think_s(model) + model.pause_ms / 1000 for each in exchanges)


def exchanges_of(model: MeterModel) -> tuple[Exchange, ...]:
    """The questions of one reading, follow-ups too."""
    return tuple(_modbus(model) if model.protocol == "modbus" else _dlt645(model))


def think_s(model: MeterModel) -> float:
    """How long such a meter usually takes before it answers a question."""
    return MODBUS_THINK_S if model.protocol == "modbus" else DLT645_THINK_S


def _modbus(model: MeterModel) -> Sequence[Exchange]:
    """Request of 8 bytes, answer of 5 and two for each register."""
    return [
        Exchange(f"FC{each.fc} {each.address}+{each.count}", 8, 5 + 2 * each.count)
        for each in model.requests()
    ]


def _dlt645(model: MeterModel) -> Sequence[Exchange]:
    look, width = (lookup, 4) if model.version == "2007" else (lookup_1997, 2)
    values = [(block.di, len(block.points)) for block in model.blocks]
    values += [(point.di, 1) for point in model.singles]
    known = [(item, count) for di, count in values if (item := look(di))]
    return [
        part
        for item, count in known
        for part in conversation(item.di, width, item.size * count + _end_of_block(model, item.block))
    ]


def _end_of_block(model: MeterModel, block: bool) -> int:
    return int(block and model.version == "1997")  # AAH


def conversation(di: str, width: int, size: int) -> list[Exchange]:
    """A question, and a follow-up for every part of the answer that one frame does not hold."""
    overhead = LEAD_IN + OVERHEAD + width
    room = MAX_READ_DATA - width
    parts = [Exchange(di, overhead, overhead + min(size, room))]
    left = size - room
    while left > 0:
        parts.append(Exchange(f"{di} more", overhead + 1, overhead + 1 + min(left, room - 1)))
        left -= room - 1
    return parts
