"""A quantity as the Modbus registers of its point."""

from math import floor

from protocols.modbus.registers import encode_registers
from protocols.models import Point
from protocols.quantities import QUANTITIES, Kind


def words_of(point: Point, value: float | None) -> list[int]:
    """A quantity as the registers of its point; counters are cut, gauges rounded, floats kept."""
    if value is None:
        return [0] * point.width
    raw = value / point.factor / float(point.scale)
    if point.type in ("f32", "f64"):
        return encode_registers(raw, point.type, point.word_order)
    counter = QUANTITIES[point.quantity].kind is Kind.COUNTER
    return encode_registers(floor(raw) if counter else round(raw), point.type, point.word_order)
