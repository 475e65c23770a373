"""Why a meter is silent: a table of findings over what was observed. Pure; the asking is in `evidence.py`.

A finding is a likelihood, never a certainty, and none of them says that a line is dead or safe to touch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

MAINS, BACKUP, UNKNOWN = "mains", "backup", "unknown"
NOISE_FROM_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another meter of the line; `distance` in places of the settings' order, negative before the meter."""

    id: str
    distance: int
    answers: bool
    garbled: bool = False

    @property
    def there(self) -> bool:
        """Something lives at its place, sound or not."""
        return self.answers or self.garbled


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen. `proofs`: observation → the bytes that show it, masked."""

    asked: int = 0
    answered: int = 0
    line_down: str = ""
    echo: bool = False
    garbled: int = 0
    two_answers: bool = False
    registers_disagree: bool = False
    refusals: tuple[str, ...] = ()
    other_speed: str = ""
    speeds_tried: bool = False
    other_protocol: str = ""
    speaks_698: bool = False
    similar: tuple[str, ...] = ()
    masters: tuple[str, ...] = ()
    noise_bytes: int = 0
    neighbours: tuple[Neighbour, ...] = ()
    supply: str = UNKNOWN
    proofs: Mapping[str, str] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        return self.asked > 0 and not self.answered and not self.garbled

    @property
    def lonely(self) -> bool:
        """It is silent and those around it are well."""
        return not self.answered and bool(self.neighbours) and all(each.there for each in self.neighbours)

    @property
    def all_silent(self) -> bool:
        return not self.answered and bool(self.neighbours) and not any(each.there for each in self.neighbours)

    @property
    def tail_silent(self) -> bool:
        """From some place on, all are silent, and all before it answer."""
        here = [(0, False), *((each.distance, each.there) for each in self.neighbours)]
        states = [there for _, there in sorted(here)]
        count = states.count(False)
        broken = states == [True] * (len(states) - count) + [False] * count
        return not self.answered and broken and 2 <= count < len(states)


@dataclass(frozen=True, slots=True)
class Finding:
    """`confidence` 0..1 orders the findings; `shown` are the bytes that say so."""

    code: str
    confidence: float
    says: str
    do: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class _Rule:
    code: str
    weight: Callable[[Evidence], float]
    says: Callable[[Evidence], str] | str
    do: str
    proof: str = "asked"


def findings(seen: Evidence) -> list[Finding]:
    """All that may be, the likeliest first; never empty."""
    weighed = [(rule, rule.weight(seen)) for rule in RULES]
    found = [
        Finding(rule.code, weight, _said(rule, seen), rule.do, seen.proofs.get(rule.proof, ""))
        for rule, weight in weighed
        if weight > 0
    ]
    return sorted(found or [_nothing(seen)], key=lambda each: -each.confidence)


def _said(rule: _Rule, seen: Evidence) -> str:
    return rule.says if isinstance(rule.says, str) else rule.says(seen)


def _nothing(seen: Evidence) -> Finding:
    says = f"{seen.asked} questions, no answer, and nothing else that could say why"
    return Finding("unknown", 0.1, says, "ask a second meter of this line (wattpost edge read)")


def _among(seen: Evidence, text: str) -> str:
    dark = sum(not each.there for each in seen.neighbours)
    return f"{text}: of its {len(seen.neighbours)} neighbours asked, {dark} are silent too"


def _answers(seen: Evidence) -> float:
    well = seen.answered and not seen.refusals and not seen.two_answers and not seen.registers_disagree
    return 0.95 if well and seen.answered == seen.asked else 0.0


def _now_and_then(seen: Evidence) -> float:
    return 0.8 if 0 < seen.answered < seen.asked and not seen.two_answers else 0.0


def _echo(seen: Evidence) -> float:
    if not seen.echo or seen.answered or seen.garbled:
        return 0.0
    return 0.9 if seen.all_silent or not seen.neighbours else 0.15


def _twins(seen: Evidence) -> float:
    if seen.two_answers:
        return 0.95
    if seen.registers_disagree:
        return 0.9
    if not seen.garbled or seen.answered or _around(seen, lambda each: each.garbled):
        return 0.0
    return 0.55 if _around(seen, lambda each: each.answers) else 0.3


def _speed(seen: Evidence) -> float:
    if seen.other_speed:
        return 0.97
    if seen.garbled and not seen.answered and not seen.speeds_tried:
        return 0.5
    return 0.25 if seen.lonely and not seen.speeds_tried else 0.0


def _address(seen: Evidence) -> float:
    if not seen.similar or seen.answered:
        return 0.0
    return 0.75 if len(seen.similar) == 1 else 0.45


def _master(seen: Evidence) -> float:
    if not seen.masters:
        return 0.0
    return 0.85 if seen.garbled or not seen.asked else 0.6


def _noise(seen: Evidence) -> float:
    if seen.masters:
        return 0.0
    broken = bool(seen.garbled) and _around(seen, lambda each: each.garbled)
    return 0.7 if broken else 0.45 if seen.noise_bytes >= NOISE_FROM_BYTES else 0.0


def _no_supply(seen: Evidence) -> float:
    if not (seen.all_silent and len(seen.neighbours) >= 2) or seen.echo or seen.noise_bytes:
        return 0.0
    return {BACKUP: 0.85, UNKNOWN: 0.5, MAINS: 0.3}[seen.supply]


def _line(seen: Evidence) -> float:
    if not seen.all_silent or seen.garbled:
        return 0.0
    return {BACKUP: 0.25, UNKNOWN: 0.5, MAINS: 0.65}[seen.supply]


def _itself(seen: Evidence) -> float:
    named = seen.other_speed or seen.other_protocol or seen.speaks_698 or seen.similar
    return (0.2 if named else 0.6) if seen.lonely and seen.silent else 0.0


def _around(seen: Evidence, state: Callable[[Neighbour], bool]) -> bool:
    return any(state(each) for each in seen.neighbours)


RULES: Final = (
    _Rule(
        "line_down", lambda seen: 0.99 if seen.line_down else 0.0,
        lambda seen: f"the line itself cannot be used: {seen.line_down}",
        "check cable, port and serial server, and who else holds the port",
    ),
    _Rule(
        "answers", _answers,
        lambda seen: f"it answered {seen.answered} of {seen.asked} questions: it is not silent now",
        "look at the times of its gaps; a passing silence has left no trace on the line", "answer",
    ),
    _Rule(
        "now_and_then", _now_and_then, lambda seen: f"it answered {seen.answered} of {seen.asked} questions",
        "look for a loose terminal, a missing terminator, two masters, a timeout_s too short",
        "answer",
    ),
    _Rule(
        "refuses", lambda seen: 0.95 if seen.refusals else 0.0,
        lambda seen: f"it is there and refuses: {'; '.join(seen.refusals)}",
        "correct its model (an identifier it lacks), or have its authorisation checked", "refusal",
    ),
    _Rule(
        "wrong_speed", _speed,
        lambda seen: f"it answers at {seen.other_speed}, not at the speed of the settings" if seen.other_speed
        else "speed or parity of the meter may differ from the line's (it could not be tried here)",
        "set baud and parity in gateway.toml, or of the serial server, as the meter has them", "speed",
    ),
    _Rule(
        "two_meters", _twins,
        lambda seen: "two answers to one question: two meters have this address" if seen.two_answers
        else "its register jumps to and fro: two meters have this address" if seen.registers_disagree
        else "only garbled answers: two meters may have this address",
        "disconnect one of them, read again, and give one another address", "garbled",
    ),
    _Rule(
        "wrong_protocol", lambda seen: 0.95 if seen.other_protocol and not seen.answered else 0.0,
        lambda seen: f"it answers in {seen.other_protocol}, not as its model says",
        "correct `model` of this meter in gateway.toml", "protocol",
    ),
    _Rule(
        "only_698", lambda seen: 0.9 if seen.speaks_698 and not seen.answered else 0.0,
        "a meter here speaks DL/T 698.45, which is not read yet",
        "set the meter to DL/T 645 if it knows both, or have it read another way", "698",
    ),
    _Rule(
        "wrong_address", _address,
        lambda seen: f"a meter that is in no list answers to its last digits: {', '.join(seen.similar)}",
        "compare with the nameplate and correct `address`", "similar",
    ),
    _Rule(
        "other_master", _master, lambda seen: f"another master asks on this line: {seen.masters[0]}",
        "stop it or agree on times; two masters garble each other's answers", "master",
    ),
    _Rule(
        "echo_only", _echo, "only our own question comes back, from no meter an answer",
        "swap A and B at the adapter, check its direction switching, and that the bus is connected at all",
    ),
    _Rule(
        "noise", _noise,
        lambda seen: f"the line is noisy: {seen.noise_bytes + seen.garbled} bytes that belong to no frame",
        "check the shield, the terminators (120 ohm at both ends) and loose or wet terminals", "noise",
    ),
    _Rule(
        "bad_segment", lambda seen: 0.75 if seen.tail_silent and not seen.echo else 0.0,
        lambda seen: _among(seen, "from one place of the line on, all are silent"),
        "look at the joint between the last meter that answers and the first that does not", "neighbours",
    ),
    _Rule(
        "no_supply", _no_supply,
        lambda seen: _among(seen, f"its area may be without supply (gateway: {seen.supply})"),
        "look at the outage picture and the area's breaker", "neighbours",
    ),
    _Rule(
        "whole_line", _line, lambda seen: _among(seen, "the whole line is silent"),
        "check A and B at the gateway's end, the serial server's speed, and the first joint", "neighbours",
    ),
    _Rule(
        "itself", _itself, lambda seen: _among(seen, "it alone is silent"),
        "look at its supply, its breaker and its RS-485 terminals; if all is well there, exchange it",
        "neighbours",
    ),
)  # fmt: skip
