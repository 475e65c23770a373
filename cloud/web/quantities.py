"""What each quantity is called for people, and how its values are written."""

import re

from cloud.web.language import Words, mark
from protocols.quantities import QUANTITIES
from protocols.readings import Value

_NAMES = {
    "energy_import": mark("Register value, import"),
    "energy_export": mark("Register value, export"),
    "reactive_energy_import": mark("Reactive register value, import"),
    "reactive_energy_export": mark("Reactive register value, export"),
    "reactive_energy": mark("Reactive register value"),
    "voltage": mark("Voltage"),
    "current": mark("Current"),
    "power": mark("Power"),
    "reactive_power": mark("Reactive power"),
    "apparent_power": mark("Apparent power"),
    "power_factor": mark("Power factor"),
    "frequency": mark("Frequency"),
    "demand_power": mark("Demand"),
    "temperature": mark("Temperature"),
}
_SOURCES = {
    "polled": mark("polled"),
    "freeze": mark("freeze"),
    "profile": mark("load record"),
    "field": mark("field read"),
    "import": mark("imported"),
}
_SHOWN = {
    "Wh": ("kWh", 1000, 2),
    "varh": ("kvarh", 1000, 2),
    "W": ("kW", 1000, 3),
    "var": ("kvar", 1000, 3),
    "VA": ("kVA", 1000, 3),
    "V": ("V", 1, 1),
    "A": ("A", 1, 3),
    "1": ("", 1, 3),
}
_PARTS = re.compile(
    r"^(?P<what>.+?)(?:_(?P<part>l[1-3]|n|t[1-4]|q[1-4]))?(?:_(?:wh|varh|w|v|a|var|va|hz|c))?$"
)


_ORDER = {name: number for number, name in enumerate(QUANTITIES)}


def in_order(quantity: str) -> int:
    """Its place in the vocabulary: register values first, then voltages, currents, powers."""
    return _ORDER[quantity]


def name_of(quantity: str, words: Words) -> str:
    found = _PARTS.match(quantity)
    assert found is not None
    what, part = found["what"], found["part"]
    named = words.text(_NAMES[what]) if what in _NAMES else what
    return f"{named} {part.upper()}" if part else named


def value_of(quantity: str, value: Value, words: Words) -> str:
    """With its unit, in the size people use."""
    wire = QUANTITIES[quantity].unit
    unit, scale, digits = _SHOWN.get(wire, (wire, 1, 2))
    return f"{words.number(value / scale, digits)} {unit}".rstrip()


def source_of(source: str, words: Words) -> str:
    return words.text(_SOURCES[source])
