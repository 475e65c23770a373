"""The wire faults one line has been given: whom each strikes, when, and what then goes over the wire."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from firmware_sim.draws import draw
from firmware_sim.draws import key as key_of
from firmware_sim.wire_faults import LATE_S, WIRE_FAULTS, Emission, Happening, WireFault
from firmware_sim.wire_forms import Form

OPTIONS = ("nth", "times", "share", "delay_s")
_DRAWS_AN_EXCHANGE = 4096


@dataclass(slots=True)
class Given:
    """A fault in force. `nth`: that exchange of the target only; `times`: at most; `share`: chance."""

    fault: WireFault
    target: str
    key: int
    nth: int | None = None
    times: int | None = None
    share: float = 1.0
    delay_s: float = LATE_S
    seen: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        """Count one more exchange with the target, and say whether this one is hit."""
        self.seen += 1
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        if draw(self.key, -self.seen) >= self.share:
            return False
        self.struck += 1
        return True

    def draws(self, n: int) -> float:
        return draw(self.key, self.seen * _DRAWS_AN_EXCHANGE + n)


@dataclass(slots=True)
class FaultBook:
    """`line` is a target of its own: it stands for every meter on it and for those that are not there."""

    seed: int
    line: str
    _given: dict[tuple[str, str], Given] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not self._given

    def give(self, kind: str, target: str, options: Mapping[str, float]) -> None:
        """Let a fault of the table strike a meter (by id), or the line."""
        given = Given(WIRE_FAULTS[kind], target, key_of(self.seed, self.line, kind, target))
        given.nth = _whole(options.get("nth"))
        given.times = _whole(options.get("times"))
        given.share = options.get("share", 1.0)
        given.delay_s = options.get("delay_s", LATE_S)
        self._given[kind, target] = given

    def clear(self, kind: str, target: str) -> None:
        self._given.pop((kind, target), None)

    def striking(self, form: Form, meters: Collection[str]) -> list[Given]:
        """The faults that hit this exchange with these meters, in the order they were given."""
        return [
            given
            for given in self._given.values()
            if form in given.fault.forms
            and (given.target == self.line or given.target in meters)
            and given.strikes()
        ]


def emissions(
    struck: Collection[Given], form: Form, request: bytes, reply: bytes, before: bytes, char_s: float
) -> list[Emission]:
    """What goes over the wire; several faults act one after the other, on the first sound part of it."""
    out = [Emission(reply)] if reply else []
    for given in struck:
        whole = next((at for at, emission in enumerate(out) if emission.data == reply), None)
        if (whole is None or not reply) and given.fault.answers:
            continue
        happening = Happening(form, request, reply, before, given.delay_s, char_s, partial(given.draws))
        at = len(out) if whole is None else whole
        out[at : at + 1] = given.fault.act(happening)
    return out


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
