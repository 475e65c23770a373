"""The one vocabulary of measured things. Every name downstream is derived from it.

OBIS codes follow IEC 62056-6-1; a quantity without one has no code that we could verify.
Counters are whole numbers of their unit and never fall; gauges are SI floats.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

EXACT: Final = 2**53  # a JSON number beyond it is no longer exact everywhere


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Quantity:
    name: str
    unit: str
    kind: Kind
    obis: str | None = None

    def can_be(self, value: float) -> bool:
        """Whether a reading may say this; one value that may not costs its whole batch at the cloud."""
        if self.kind is Kind.COUNTER:
            return isinstance(value, int) and 0 <= value < EXACT
        return abs(value) < EXACT if isinstance(value, int) else math.isfinite(value)


def _counter(name: str, unit: str, obis: str | None = None) -> Quantity:
    return Quantity(name, unit, Kind.COUNTER, obis)


def _gauge(name: str, unit: str, obis: str | None = None) -> Quantity:
    return Quantity(name, unit, Kind.GAUGE, obis)


_ALL = (
    _counter("energy_import_wh", "Wh", "1-0:1.8.0"),
    *(_counter(f"energy_import_t{n}_wh", "Wh", f"1-0:1.8.{n}") for n in range(1, 5)),
    _counter("energy_export_wh", "Wh", "1-0:2.8.0"),
    *(_counter(f"energy_export_t{n}_wh", "Wh", f"1-0:2.8.{n}") for n in range(1, 5)),
    _counter("reactive_energy_import_varh", "varh", "1-0:3.8.0"),
    _counter("reactive_energy_export_varh", "varh", "1-0:4.8.0"),
    *(_counter(f"reactive_energy_q{n}_varh", "varh", f"1-0:{n + 4}.8.0") for n in range(1, 5)),
    *(_counter(f"energy_import_l{n}_wh", "Wh", f"1-0:{1 + 20 * n}.8.0") for n in range(1, 4)),
    *(_counter(f"energy_export_l{n}_wh", "Wh", f"1-0:{2 + 20 * n}.8.0") for n in range(1, 4)),
    *(_counter(f"reactive_energy_import_l{n}_varh", "varh", f"1-0:{3 + 20 * n}.8.0") for n in range(1, 4)),
    *(_counter(f"reactive_energy_export_l{n}_varh", "varh", f"1-0:{4 + 20 * n}.8.0") for n in range(1, 4)),
    _counter("apparent_energy_import_vah", "VAh", "1-0:9.8.0"),
    _counter("apparent_energy_export_vah", "VAh", "1-0:10.8.0"),
    *(_gauge(f"voltage_l{n}_v", "V", f"1-0:{12 + 20 * n}.7.0") for n in range(1, 4)),
    *(_gauge(f"voltage_l{pair}_v", "V") for pair in ("12", "23", "31")),
    *(_gauge(f"current_l{n}_a", "A", f"1-0:{11 + 20 * n}.7.0") for n in range(1, 4)),
    _gauge("current_n_a", "A", "1-0:91.7.0"),
    _gauge("power_w", "W", "1-0:16.7.0"),
    *(_gauge(f"power_l{n}_w", "W", f"1-0:{16 + 20 * n}.7.0") for n in range(1, 4)),
    _gauge("reactive_power_var", "var", "1-0:131.7.0"),
    *(_gauge(f"reactive_power_l{n}_var", "var", f"1-0:{131 + 20 * n}.7.0") for n in range(1, 4)),
    _gauge("apparent_power_va", "VA", "1-0:9.7.0"),
    *(_gauge(f"apparent_power_l{n}_va", "VA", f"1-0:{9 + 20 * n}.7.0") for n in range(1, 4)),
    _gauge("power_factor", "1", "1-0:13.7.0"),
    *(_gauge(f"power_factor_l{n}", "1", f"1-0:{13 + 20 * n}.7.0") for n in range(1, 4)),
    _gauge("frequency_hz", "Hz", "1-0:14.7.0"),
    _gauge("demand_power_w", "W", "1-0:1.4.0"),
    _gauge("temperature_c", "°C"),
    _gauge("clock_offset_s", "s"),  # the meter's clock less the gateway's, at the time of the reading
)

QUANTITIES: dict[str, Quantity] = {quantity.name: quantity for quantity in _ALL}


def quantity(name: str) -> Quantity:
    """The quantity of that name; KeyError when the vocabulary has none."""
    return QUANTITIES[name]
