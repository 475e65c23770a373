"""The second line behind checksums: what is hard to believe is asked for once more, at once.

Said twice it is taken and marked SUSPECT; a different answer that can be believed takes its place. Nothing is
dropped, nothing is made up. What is remembered of a meter survives no restart: a first reading has no past.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
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
PRIMARY_VOLTAGE_V: Final = 600_000.0
USUAL_CURRENT_A: Final = {"secondary": 120.0, "primary": 8000.0}
"""Where the settings give no `max_current_a`: what no meter of that kind lets through."""
OVERLOAD: Final = 1.5
LEAST_VOLTAGE_V: Final = 300.0
REFRESH_S: Final = 60.0
"""A meter may bring its registers up to date so seldom."""
STEP: Final = 10
"""The usual step of a register, in Wh or varh: 0.01 kWh."""
JUMPS: Final = {"V": 10.0, "A": 1.0, "W": 300.0, "var": 300.0, "VA": 300.0, "Hz": 0.3, "1": 0.1, "°C": 5.0}
JUMP_SHARE: Final = 0.1
NOISY_S: Final = 900.0
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
    scale = _Scale(values, meter, model)
    doubts: list[Doubt] = []
    for name, value in values.items():
        before = past.get(name)
        rules = _COUNTER_RULES if QUANTITIES[name].kind is Kind.COUNTER else _GAUGE_RULES
        found = (rule(name, value, before, scale, now_s) for rule in rules)
        doubt = next((each for each in found if each), None)
        if doubt is None and noisy and before is not None:
            doubt = _jump(name, value, before, scale, now_s)
        if doubt:
            doubts.append(doubt)
    return doubts + _sums(values, past, scale, now_s)


class _Scale:
    """What a meter can show at most, from its settings, its model and the voltages it shows now."""

    def __init__(self, values: Mapping[str, Value], meter: MeterSettings, model: MeterModel) -> None:
        self._points: Mapping[str, Point] = {point.quantity: point for point in model.points}
        self._rated_a, self._phases = meter.max_current_a, max(1, model.phases)
        shown = [value for name, value in values.items() if name.startswith("voltage_")]
        self._volts = max([LEAST_VOLTAGE_V, *(each for each in shown if each <= PRIMARY_VOLTAGE_V)])
        self.power_w = self._highest(values)

    def _highest(self, values: Mapping[str, Value]) -> float:
        return max(
            (abs(values[name]) for name in ("power_w", "reactive_power_var") if name in values), default=0
        )

    def most(self, name: str, unit: str) -> float | None:
        """The largest amount of that quantity, or None where nothing bounds it."""
        amps = OVERLOAD * (self._rated_a or USUAL_CURRENT_A[self._side(name)])
        if unit == "A":
            return amps
        if unit in ("W", "var", "VA", "Wh", "varh"):
            return amps * self._volts * (1 if "_l" in name else self._phases)
        if unit == "V":
            return PRIMARY_VOLTAGE_V if self._side(name) == "primary" else RANGES["V"][1]
        return None

    def step(self, name: str) -> float:
        """By how much a register moves at least."""
        point = self._points.get(name)
        return max(STEP, float(point.factor * point.scale)) if point and not point.di else STEP

    def _side(self, name: str) -> str:
        """DL/T 645 meters show what is at their own terminals, whatever a ratio makes of it."""
        point = self._points.get(name)
        return "secondary" if point is None or point.di else point.side


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
        noisy: bool = False,
    ) -> Verdict:
        """`again` asks the meter once more; None when it did not answer."""
        past = self._past.setdefault(meter.id, {})
        first = check(values, past, meter, model, now_s, noisy=noisy)
        doubts = first
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
    """Whether a line has garbled an answer within the last quarter of an hour."""

    def __init__(self) -> None:
        self._count, self._at_s = 0, -NOISY_S

    def lately(self, bad_frames: int, now_s: float) -> bool:
        if bad_frames != self._count:
            self._count, self._at_s = bad_frames, now_s
        return now_s - self._at_s < NOISY_S


def _better(
    first: Mapping[str, Value], doubts: list[Doubt], second: Mapping[str, Value], doubts_again: list[Doubt]
) -> dict[str, Value]:
    """The second answer, but for what only it puts in doubt or lacks."""
    doubted, still = ({each.quantity for each in some} for some in (doubts, doubts_again))
    worse = {name for name in still - doubted if name in first}
    return {**first, **{name: value for name, value in second.items() if name not in worse}}
