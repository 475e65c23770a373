"""The second line behind checksums: what is hard to believe is asked for once more, at once.

Said twice it is taken and marked SUSPECT; a different answer that can be believed takes its place. A line
that garbles answers is asked three times where it has the time. Nothing is dropped, nothing is made up, and
what is remembered of a meter survives no restart: a first reading has no past.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache
from math import inf
from typing import Final

from edge.settings import MeterSettings
from protocols.models import MeterModel, Point
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value


class Rule(StrEnum):
    RANGE = "range"  # no such meter shows this
    FALL = "fall"  # a register cannot fall
    ADVANCE = "advance"  # more than the rating lets through in that time
    SUM = "sum"  # the total is not its tariffs; there may be tariffs that are not read
    JUMP = "jump"  # far from the last one, on a line that garbles answers just now


SOFT: Final = frozenset((Rule.SUM, Rule.JUMP))
"""What may well be true: worth a second question, and no mark when the answer is the same."""
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "Hz": (40, 70), "1": (-1, 1), "°C": (-60, 150), "V": (0, 1200),
}  # fmt: skip
_BY_VOLTS: Final = frozenset(("W", "var", "VA", "Wh", "varh", "VAh"))
PRIMARY_VOLTAGE_V: Final = 600_000.0
USUAL_CURRENT_A: Final = {"secondary": 120.0, "primary": 8000.0}
"""Where the settings give no `max_current_a`: what no meter of that kind lets through."""
OVERLOAD: Final = 1.5
LEAST_VOLTAGE_V: Final = 300.0
REFRESH_S: Final = 60.0
"""A meter may bring its registers up to date so seldom."""
STEP: Final = 10
"""The usual step of a register, in Wh or varh: 0.01 kWh."""
FULL: Final = 10**9
"""Where a register of XXXXXX.XX kWh begins again, in Wh."""
JUMPS: Final = {"V": 10.0, "A": 1.0, "W": 300.0, "var": 300.0, "VA": 300.0, "Hz": 0.3, "1": 0.1, "°C": 5.0}
JUMP_SHARE: Final = 0.1
NOISY_S: Final = 30 * 86_400.0
"""So long after a corrupt answer a line counts as noisy: 243 of 244 corruptions are noticed, so that only the
first one in so long a time can pass unnoticed."""
JUMPS_UP_TO: Final = 0.45
THRICE_UP_TO: Final = 0.3
"""The line's load up to which there is time to ask twice what moved far, and all of it three times."""
TARIFFS: Final[Mapping[str, tuple[str, ...]]] = {
    f"energy_{way}_wh": tuple(f"energy_{way}_t{n}_wh" for n in range(1, 5)) for way in ("import", "export")
}


@dataclass(frozen=True, slots=True)
class Past:
    """The value last taken, and when, on a clock that never steps."""

    value: Value
    at_s: float


@dataclass(frozen=True, slots=True)
class Doubt:
    quantity: str
    rule: Rule
    text: str


class Care(IntEnum):
    """How much is asked again on a line, by how noisy it is and how much time it has."""

    USUAL = 0
    JUMPS = 1
    THRICE = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be taken, whether it is SUSPECT, and why it was doubted at first."""

    values: dict[str, Value]
    suspect: bool
    doubts: tuple[Doubt, ...] = ()


def check(
    values: Mapping[str, Value],
    past: Mapping[str, Past],
    meter: MeterSettings,
    model: MeterModel,
    now_s: float,
    *,
    noisy: bool = False,
) -> list[Doubt]:
    """Everything that is hard to believe in a reading; `noisy`: the line has garbled answers lately."""
    scale = _Scale(values, meter.max_current_a, model)
    doubts: list[Doubt] = []
    for name in _to_weigh(values, past, meter, model, now_s, scale.volts, noisy):
        value, before = values[name], past.get(name)
        rules = _COUNTER_RULES if QUANTITIES[name].kind is Kind.COUNTER else _GAUGE_RULES
        found = (rule(name, value, before, scale, now_s) for rule in rules)
        doubt = next((each for each in found if each), None)
        if doubt is None and noisy and before is not None:
            doubt = _jump(name, value, before, scale, now_s)
        if doubt:
            doubts.append(doubt)
    return doubts + _sums(values, past, scale, now_s)


def _to_weigh(
    values: Mapping[str, Value],
    past: Mapping[str, Past],
    meter: MeterSettings,
    model: MeterModel,
    now_s: float,
    volts: float,
    noisy: bool,
) -> list[str]:
    """The quantities that the rules have to look at. Nearly always none: this is the way of every reading."""
    if noisy:
        return list(values)
    limits = _limits(model, meter.max_current_a)
    some: list[str] = []
    for name, value in values.items():
        is_counter, by_volts, least, most, step, phases = limits[name]
        bound = most * volts * phases if by_volts else most
        if not is_counter:
            if not (-bound if by_volts else least) <= value <= bound:
                some.append(name)
            continue
        before = past.get(name)
        if before is not None:
            rise = value - before.value
            if not 0 <= rise <= bound * (now_s - before.at_s + REFRESH_S) / 3600 + step:
                some.append(name)
    return some


@lru_cache(maxsize=1024)
def _limits(
    model: MeterModel, rated_a: float | None
) -> dict[str, tuple[bool, bool, float, float, float, int]]:
    """By quantity: counter?, in proportion to the volts?, least, most, two steps, phases."""
    scale = _Scale({}, rated_a, model)
    found: dict[str, tuple[bool, bool, float, float, float, int]] = {}
    for name, quantity in QUANTITIES.items():
        unit, is_counter = quantity.unit, quantity.kind is Kind.COUNTER
        least, most = RANGES.get(unit, (-inf, inf))
        by_volts = unit in _BY_VOLTS
        if by_volts:
            least, most = 0.0, scale.amps(name)
        elif (bound := scale.most(name, unit)) is not None:
            least, most = 0.0 if unit == "V" else -bound, bound
        elif is_counter:
            most = 0.0
        phases = 1 if "_l" in name else scale.phases
        found[name] = (is_counter, by_volts, least, most, 2 * scale.step(name), phases)
    return found


class _Scale:
    """What a meter can show at most, from its settings, its model and the voltages it shows now."""

    def __init__(self, values: Mapping[str, Value], rated_a: float | None, model: MeterModel) -> None:
        self._points = _points(model)
        self._rated_a, self.phases = rated_a, max(1, model.phases)
        shown = [value for name, value in values.items() if name.startswith("voltage_")]
        self.volts = max([LEAST_VOLTAGE_V, *(each for each in shown if each <= PRIMARY_VOLTAGE_V)])
        self.power_w = self._highest(values)

    def _highest(self, values: Mapping[str, Value]) -> float:
        return max(
            (abs(values[name]) for name in ("power_w", "reactive_power_var") if name in values), default=0
        )

    def most(self, name: str, unit: str) -> float | None:
        """The largest amount of that quantity, or None where nothing bounds it."""
        if unit == "A":
            return self.amps(name)
        if unit in _BY_VOLTS:
            return self.amps(name) * self.volts * (1 if "_l" in name else self.phases)
        if unit == "V":
            return PRIMARY_VOLTAGE_V if self._side(name) == "primary" else RANGES["V"][1]
        return None

    def amps(self, name: str) -> float:
        return OVERLOAD * (self._rated_a or USUAL_CURRENT_A[self._side(name)])

    def step(self, name: str) -> float:
        """By how much a register moves at least."""
        point = self._points.get(name)
        return max(STEP, float(point.factor * point.scale)) if point and not point.di else STEP

    def _side(self, name: str) -> str:
        """DL/T 645 meters show what is at their own terminals, whatever a ratio makes of it."""
        point = self._points.get(name)
        return "secondary" if point is None or point.di else point.side


@lru_cache(maxsize=256)
def _points(model: MeterModel) -> Mapping[str, Point]:
    return {point.quantity: point for point in model.points}


_Rule = Callable[[str, Value, Past | None, _Scale, float], Doubt | None]


def _range(name: str, value: Value, before: Past | None, scale: _Scale, now_s: float) -> Doubt | None:
    del before, now_s
    unit = QUANTITIES[name].unit
    least, most = RANGES.get(unit, (None, None))
    bound = scale.most(name, unit)
    if bound is not None:
        least, most = (0.0 if unit == "V" else -bound), bound
    if least is None or most is None or least <= value <= most or (unit == "Hz" and value == 0):
        return None
    return Doubt(name, Rule.RANGE, f"{name} is {value}, not within {least:g} and {most:g}")


def _fall(name: str, value: Value, before: Past | None, scale: _Scale, now_s: float) -> Doubt | None:
    del scale, now_s
    if before is None or value >= before.value:
        return None
    return Doubt(name, Rule.FALL, f"{name} fell from {before.value} to {value}")


def _advance(name: str, value: Value, before: Past | None, scale: _Scale, now_s: float) -> Doubt | None:
    if before is None:
        return None
    rating = scale.most(name, QUANTITIES[name].unit) or 0.0
    most = rating * (now_s - before.at_s + REFRESH_S) / 3600 + 2 * scale.step(name)
    if value - before.value <= most:
        return None
    return Doubt(name, Rule.ADVANCE, f"{name} rose by {value - before.value}, at most {most:.0f} can be")


def _jump(name: str, value: Value, before: Past, scale: _Scale, now_s: float) -> Doubt | None:
    unit = QUANTITIES[name].unit
    if unit in JUMPS:
        near = JUMPS[unit] + JUMP_SHARE * abs(before.value)
    else:
        near = 2 * scale.power_w * (now_s - before.at_s + REFRESH_S) / 3600 + 2 * scale.step(name)
    if abs(value - before.value) <= near:
        return None
    return Doubt(
        name, Rule.JUMP, f"{name} went from {before.value} to {value} on a line with corrupt answers"
    )


def _sums(values: Mapping[str, Value], past: Mapping[str, Past], scale: _Scale, now_s: float) -> list[Doubt]:
    """Total less tariffs is the register of those not read: hardly ever there, and then it cannot fall."""
    doubts: list[Doubt] = []
    for total, parts in TARIFFS.items():
        if total not in values or not all(part in values for part in parts):
            continue
        rest = values[total] - sum(values[part] for part in parts)
        if rest < -FULL / 2:  # the total has begun again, its tariffs have yet to
            rest += FULL
        slack = (len(parts) + 1) * scale.step(total)
        had = _rest_before(past, total, parts)
        rule = _advance if had and had.value > slack else None
        if rest < -slack or (had is not None and rest < had.value - slack):
            doubts.append(Doubt(total, Rule.SUM, f"{total} is {-rest} less than its tariffs"))
        elif rest > slack and (rule is None or rule(total, rest, had, scale, now_s)):
            doubts.append(Doubt(total, Rule.SUM, f"{total} is {rest} more than its tariffs"))
    return doubts


def _rest_before(past: Mapping[str, Past], total: str, parts: tuple[str, ...]) -> Past | None:
    if total not in past or not all(part in past for part in parts):
        return None
    return Past(past[total].value - sum(past[part].value for part in parts), past[total].at_s)


_COUNTER_RULES: Final[tuple[_Rule, ...]] = (_fall, _advance)
_GAUGE_RULES: Final[tuple[_Rule, ...]] = (_range,)


class Judge:
    """Remembers what was taken of each meter, and weighs each new reading against it."""

    def __init__(self) -> None:
        self._past: dict[str, dict[str, Past]] = {}
        self._confirmed: dict[str, set[str]] = {}

    def weigh(
        self,
        meter: MeterSettings,
        model: MeterModel,
        values: dict[str, Value],
        now_s: float,
        again: Callable[[], dict[str, Value] | None],
        *,
        care: Care = Care.USUAL,
    ) -> Verdict:
        """`again` asks the meter once more; None when it did not answer."""
        past, noisy = self._past.setdefault(meter.id, {}), care is Care.JUMPS
        if care is Care.THRICE:
            second = again()
            values = _middle(values, second, second and again())
        first = doubts = check(values, past, meter, model, now_s, noisy=noisy)
        if any(each.quantity not in self._known(meter, each) for each in first):
            second = again()
            if second is not None:
                now = check(second, past, meter, model, now_s, noisy=noisy)
                values = _better(values, first, second, now)
                doubts = check(values, past, meter, model, now_s)
        hard = [each for each in doubts if each.rule not in SOFT]
        self._confirmed[meter.id] = {each.quantity for each in hard if each.rule is Rule.RANGE}
        past.update({name: Past(value, now_s) for name, value in values.items()})
        return Verdict(values, bool(hard), tuple(first))

    def _known(self, meter: MeterSettings, doubt: Doubt) -> set[str]:
        """What this meter shows out of range all the time is not asked twice each time."""
        return self._confirmed.get(meter.id, set()) if doubt.rule is Rule.RANGE else set()


class Noise:
    """How carefully a line is read: by whether it has garbled an answer lately, and whether it has time."""

    def __init__(self, load: float) -> None:
        self._load, self._count, self.at_s = load, 0, -NOISY_S

    def care(self, garbled: int, now_s: float) -> Care:
        if garbled != self._count:
            self._count, self.at_s = garbled, now_s
        if now_s - self.at_s >= NOISY_S or self._load > JUMPS_UP_TO:
            return Care.USUAL
        return Care.THRICE if self._load <= THRICE_UP_TO else Care.JUMPS


def _middle(*said: dict[str, Value] | None) -> dict[str, Value]:
    """Of three answers the middle one, quantity by quantity; of fewer the first, for the rules to judge."""
    heard = [each for each in said if each is not None]
    first = heard[0]
    if len(heard) < 3:
        return first
    return first | {
        name: sorted(each[name] for each in heard)[1] for name in first if all(name in each for each in heard)
    }


def _better(
    first: Mapping[str, Value], doubts: list[Doubt], second: Mapping[str, Value], doubts_again: list[Doubt]
) -> dict[str, Value]:
    """The second answer, but for what only it puts in doubt or lacks."""
    doubted, still = ({each.quantity for each in some} for some in (doubts, doubts_again))
    worse = {name for name in still - doubted if name in first}
    return {**first, **{name: value for name, value in second.items() if name not in worse}}
