"""What two readings of a meter say about its wiring: registers, phases, direction of current, sums. Pure.

Limits are for telling a wiring mistake from a measuring tolerance; they prove no accuracy class.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocols.models import MeterModel
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

PHASES: Final = (1, 2, 3)
MISSING_SHARE: Final = 0.6
"""A phase with less of the highest phase's voltage is missing, or feeds through a transformer's neutral."""
SUM_SHARE: Final = 0.03
SUM_W: Final = 30.0
IDLE_A: Final = 0.05
TARIFF_WH: Final = 100
CLOCK_OK_S: Final = 60.0
CLOCK_LIMIT_S: Final = 300.0
APPARENT_SPARE: Final = 1.1
LOW_FACTOR: Final = 0.3


class Grade(StrEnum):
    OK = "ok"
    LOOK = "look"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """`what` is one of TITLES; `says` is for a person, with the figures."""

    what: str
    grade: Grade
    says: str


TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "read": ("两次读取", "read twice"),
    "registers": ("示数不倒退", "registers do not fall"),
    "tariffs": ("费率之和", "bands add up"),
    "voltages": ("各相电压", "voltage of each phase"),
    "direction": ("电流方向", "direction of current"),
    "phase_power": ("电压电流对应", "voltage and current of a phase belong together"),
    "power_sum": ("功率之和", "phases add up"),
    "steady": ("两次功率", "power at both readings"),
    "sequence": ("相序", "phase sequence"),
    "clock": ("时钟", "clock"),
}


def of_values(model: MeterModel, first: Mapping[str, Value], second: Mapping[str, Value]) -> list[Check]:
    """All checks that these readings allow."""
    checks = [_registers(first, second), _tariffs(second), _steady(first, second)]
    if model.phases == len(PHASES):
        checks += [_voltages(second), _power_sum(second)]
    checks += [_direction(second), _phase_power(second)]
    return [check for check in checks if check is not None]


def _registers(first: Mapping[str, Value], second: Mapping[str, Value]) -> Check:
    counters = [name for name in first if name in second and QUANTITIES[name].kind is Kind.COUNTER]
    fallen = [f"{name} {first[name]} → {second[name]}" for name in counters if second[name] < first[name]]
    if not counters:
        return Check("registers", Grade.FAIL, "no register of energy was read")
    if fallen:
        return Check("registers", Grade.FAIL, f"fell: {'; '.join(fallen)}")
    return Check("registers", Grade.OK, f"{len(counters)} registers, none fell")


def _tariffs(values: Mapping[str, Value]) -> Check | None:
    bands = [values[name] for n in range(1, 5) if (name := f"energy_import_t{n}_wh") in values]
    total = values.get("energy_import_wh")
    if not bands or total is None:
        return None
    off = sum(bands) - total
    grade = Grade.OK if abs(off) <= TARIFF_WH else Grade.LOOK
    return Check("tariffs", grade, f"the bands' sum is off the total by {off / 1000:+.2f} kWh")


def _steady(first: Mapping[str, Value], second: Mapping[str, Value]) -> Check | None:
    if "power_w" not in first or "power_w" not in second:
        return None
    was, now = first["power_w"], second["power_w"]
    jumped = abs(now - was) > max(500.0, 2 * min(abs(was), abs(now)))
    said = f"{was:,.0f} W, then {now:,.0f} W"
    return Check("steady", Grade.LOOK if jumped else Grade.OK, said)


def _by_phase(values: Mapping[str, Value], pattern: str) -> dict[int, Value]:
    return {n: values[name] for n in PHASES if (name := pattern.format(n)) in values}


def _voltages(values: Mapping[str, Value]) -> Check:
    volts = _by_phase(values, "voltage_l{}_v")
    if not volts:
        return Check("voltages", Grade.UNKNOWN, "no voltage was read")
    highest = max(volts.values())
    low = [n for n in PHASES if volts.get(n, 0) < MISSING_SHARE * highest]
    said = ", ".join(f"L{n} {volt:.1f} V" for n, volt in volts.items())
    if low:
        return Check("voltages", Grade.FAIL, f"{said}: L{', L'.join(map(str, low))} is missing or broken")
    return Check("voltages", Grade.OK, said)


def _direction(values: Mapping[str, Value]) -> Check | None:
    powers = _by_phase(values, "power_l{}_w")
    total = values.get("power_w")
    backwards = [n for n, power in powers.items() if power < 0]
    said = ", ".join(f"L{n} {power:,.0f} W" for n, power in powers.items()) or f"{total} W"
    if total is None and not powers:
        return None
    if backwards and len(backwards) < len(powers):
        which = ", ".join(f"L{n}" for n in backwards)
        return Check("direction", Grade.FAIL, f"{said}: {which} runs backwards: reversed transformer, or PV")
    if backwards or (total or 0) < 0:
        exports = values.get("energy_export_wh", 0) > 0
        why = "feeds back (PV)" if exports else "all run backwards: transformers reversed, or PV"
        return Check("direction", Grade.LOOK, f"{said}: {why}")
    return Check("direction", Grade.OK, said)


def _phase_power(values: Mapping[str, Value]) -> Check | None:
    """|P| of a phase cannot exceed U × I of that phase; much less of it hints at crossed phases."""
    wrong, doubtful, seen = [], [], 0
    for n, apparent, power in _apparent(values):
        seen += 1
        if power > apparent * APPARENT_SPARE + SUM_W:
            wrong.append(f"L{n}: {power:,.0f} W out of {apparent:,.0f} VA")
        elif power < apparent * LOW_FACTOR:
            doubtful.append(f"L{n}: only {power:,.0f} W of {apparent:,.0f} VA")
    if not seen:
        told = any(f"power_l{n}_w" in values for n in PHASES)
        why = "no current flows: look again under load" if told else "this model gives no power by phase"
        return Check("phase_power", Grade.UNKNOWN, why)
    if wrong:
        return Check("phase_power", Grade.FAIL, f"{'; '.join(wrong)}: crossed phases")
    if doubtful:
        return Check("phase_power", Grade.LOOK, f"{'; '.join(doubtful)}: crossed phases, or reactive")
    return Check("phase_power", Grade.OK, f"{seen} phases under load fit")


def _apparent(values: Mapping[str, Value]) -> Iterator[tuple[int, float, float]]:
    for n in PHASES:
        names = f"voltage_l{n}_v", f"current_l{n}_a", f"power_l{n}_w"
        if all(name in values for name in names) and abs(values[names[1]]) > IDLE_A:
            volt, ampere, power = (abs(values[name]) for name in names)
            yield n, volt * ampere, power


def _power_sum(values: Mapping[str, Value]) -> Check | None:
    powers = _by_phase(values, "power_l{}_w")
    if len(powers) < len(PHASES) or "power_w" not in values:
        return None
    total, added = values["power_w"], sum(powers.values())
    fits = abs(added - total) <= max(SUM_W, SUM_SHARE * abs(total))
    said = f"{added:,.0f} W by phase, {total:,.0f} W in all"
    return Check("power_sum", Grade.OK if fits else Grade.FAIL, said)


def of_clock(offset_s: float) -> Check:
    """The meter's clock less the gateway's."""
    off = abs(offset_s)
    grade = Grade.OK if off <= CLOCK_OK_S else Grade.LOOK if off <= CLOCK_LIMIT_S else Grade.FAIL
    return Check("clock", grade, f"off by {offset_s:+.0f} s")


def of_sequence(bits: list[str]) -> Check:
    """Status word 7 of the meter, as the names of its set bits."""
    wrong = [bit for bit in bits if "sequence" in bit]
    if wrong:
        return Check("sequence", Grade.FAIL, f"the meter says: {', '.join(wrong)}")
    return Check("sequence", Grade.OK, "the meter reports none reversed")


def worst(checks: list[Check]) -> Grade:
    """What the whole comes to; what is unknown is to be looked at."""
    grades = {check.grade for check in checks}
    if Grade.FAIL in grades:
        return Grade.FAIL
    return Grade.LOOK if grades - {Grade.OK} else Grade.OK
