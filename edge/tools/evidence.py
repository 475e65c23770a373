"""Collects what `why` judges: questions to a meter, its neighbours, in other protocols and at other speeds.

Reads only; beside another master nothing is asked at all unless that was told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from edge.drivers.trace import shown
from edge.links import Link, LinkDown
from edge.settings import LineSettings, MeterSettings
from edge.tools.asking import Asker, Exchange, Verdict, overhear
from edge.tools.diagnosis import Evidence, Neighbour
from edge.tools.refusals import named
from edge.tools.scanning import ENERGY, Speed
from protocols import models
from protocols.dlt645.conversations import read_request
from protocols.dlt645.frame import ANY_METER

QUESTIONS: Final = 3
NEIGHBOURS: Final = 6
SPEEDS: Final = (
    Speed(2400, "even"), Speed(9600, "even"), Speed(9600, "none"), Speed(4800, "even"), Speed(1200, "even"),
    Speed(2400, "none"), Speed(19200, "even"),
)  # fmt: skip
"""What meters in the field are set to, the usual first."""
_DI_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question brought, in either protocol."""

    exchange: Exchange
    sound: bool
    garbled: int = 0
    echo: bool = False
    twice: bool = False
    refusal: str = ""
    data: bytes = b""


@dataclass(slots=True)
class Inquiry:
    """`make_link` gives the line, not opened, at a speed; `known` are the addresses of all listed meters."""

    line: LineSettings
    meter: MeterSettings
    make_link: Callable[[Speed], Link]
    listen_s: float = 10.0
    beside_master: bool = False
    supply: str = "unknown"
    known: frozenset[str] = frozenset()
    tell: Callable[[str], None] = lambda _: None
    _proofs: dict[str, str] = field(default_factory=dict)

    @property
    def speed(self) -> Speed:
        return Speed(self.meter.baud or self.line.baud, self.meter.parity or self.line.parity)

    def run(self) -> Evidence:
        link = self.make_link(self.speed)
        try:
            link.open()
            seen = self._on(link)
        except LinkDown as down:
            return Evidence(line_down=str(down), supply=self.supply)
        finally:
            link.close()
        if not seen.answered and not self.line.is_network and (seen.asked or not seen.masters):
            seen = self._other_speeds(seen)
        return replace(seen, proofs=self._proofs)

    def _on(self, link: Link) -> Evidence:
        self.tell(f"listening {self.listen_s:g} s")
        heard = overhear(link, self.listen_s)
        masters = heard.masters
        if masters:
            self._proofs["master"] = shown(masters[0].example)
        seen = Evidence(
            masters=tuple(each.told() for each in masters), noise_bytes=heard.noise_bytes, supply=self.supply
        )
        if masters and not self.beside_master:
            return seen
        asker = Asker(link, self.line.timeout_s, self.speed.byte_s)
        seen = self._asked(asker, seen)
        return seen if seen.answered and not seen.garbled else self._around(asker, seen)

    def _asked(self, asker: Asker, seen: Evidence) -> Evidence:
        self.tell("asking the meter")
        answers = [self._ask(asker, self.meter) for _ in range(QUESTIONS)]
        self._keep(answers)
        values = [each.data for each in answers if each.data]
        return replace(
            seen,
            asked=len(answers),
            answered=sum(each.sound for each in answers),
            echo=any(each.echo for each in answers),
            garbled=sum(each.garbled for each in answers),
            two_answers=any(each.twice for each in answers),
            registers_disagree=_to_and_fro(values),
            refusals=tuple(dict.fromkeys(each.refusal for each in answers if each.refusal)),
        )

    def _keep(self, answers: Sequence[Answer]) -> None:
        """Of each kind of answer the first, as proof."""
        self._proofs["asked"] = answers[0].exchange.hex
        for each in reversed(answers):
            kinds = {"answer": each.sound, "refusal": each.refusal, "garbled": each.garbled or each.twice}
            self._proofs |= {kind: each.exchange.hex for kind, is_so in kinds.items() if is_so}
        self._proofs.setdefault("garbled", " | ".join(dict.fromkeys(each.exchange.hex for each in answers)))
        self._proofs.setdefault("noise", self._proofs["garbled"])

    def _around(self, asker: Asker, seen: Evidence) -> Evidence:
        self.tell("asking its neighbours")
        neighbours = tuple(self._neighbours(asker))
        seen = replace(seen, neighbours=neighbours)
        if seen.answered:
            return seen
        self.tell("trying other protocols and addresses")
        similar = tuple(self._similar(asker))
        return replace(
            seen,
            similar=similar,
            other_protocol=self._other_protocol(asker),
            speaks_698=self._speaks_698(asker),
        )

    def _neighbours(self, asker: Asker) -> Iterator[Neighbour]:
        place = self.line.meters.index(self.meter)
        others = [each for each in enumerate(self.line.meters) if each[0] != place]
        near = sorted(others, key=lambda each: abs(each[0] - place))[:NEIGHBOURS]
        told = []
        for at, other in near:
            asker.link.set_speed(*self.line.speed_of(other))
            answer = self._neighbour(asker, other)
            told.append(f"{other.id}: {answer.exchange.hex}")
            yield Neighbour(other.id, at - place, answer.sound, bool(answer.garbled))
        asker.link.set_speed(self.speed.baud, self.speed.parity)
        self._proofs["neighbours"] = " | ".join(told)

    def _neighbour(self, asker: Asker, other: MeterSettings) -> Answer:
        """Asked a second time before it counts as silent: a lost answer must not point at a segment."""
        answer = self._ask(asker, other, whole=False)
        return answer if answer.sound or answer.garbled else self._ask(asker, other, whole=False)

    def _ask(self, asker: Asker, meter: MeterSettings, *, whole: bool = True) -> Answer:
        if meter.unit is not None:
            point = models.load(meter.model).points[0]
            exchange, there = asker.ask_unit(meter.unit, point.fc, point.address, point.width)
            rest = exchange.received.removeprefix(exchange.sent)
            return Answer(
                exchange, there, 0 if there else len(rest), exchange.received.startswith(exchange.sent)
            )
        edition = models.load(meter.model).version
        return judged(asker.ask(read_request(str(meter.address), ENERGY[edition], edition), whole=whole))

    def _similar(self, asker: Asker) -> Iterator[str]:
        """Unlisted meters that share its last digits, or are alone on the line."""
        if self.meter.address is None:
            return
        found: dict[str, str] = {}
        for pattern in (
            self.meter.address[-4:].rjust(12, "A"),
            self.meter.address[-2:].rjust(12, "A"),
            ANY_METER,
        ):
            verdict = asker.ask(read_request(pattern, ENERGY["2007"]), whole=True)
            for frame in verdict.answers:
                if "A" not in frame.address and frame.address not in self.known:
                    found.setdefault(frame.address, verdict.exchange.hex)
        if found:
            self._proofs["similar"] = " | ".join(found.values())
        yield from found

    def _other_protocol(self, asker: Asker) -> str:
        if self.meter.address is None:
            verdict = asker.ask(read_request(ANY_METER, ENERGY["2007"]), whole=True)
            return self._proved("protocol", verdict.exchange, "DL/T 645-2007" if verdict.answers else "")
        other = "1997" if models.load(self.meter.model).version == "2007" else "2007"
        verdict = asker.ask(read_request(self.meter.address, ENERGY[other], other), whole=True)
        if verdict.answers:
            return self._proved("protocol", verdict.exchange, f"DL/T 645-{other}")
        for unit in dict.fromkeys((int(self.meter.address[-2:]) or 1, 1)):
            exchange, there = asker.ask_unit(unit, 3, 0)
            listed = any(each.unit == unit for each in self.line.meters)
            if there and not listed:
                return self._proved("protocol", exchange, f"Modbus RTU as unit {unit}")
        return ""

    def _speaks_698(self, asker: Asker) -> bool:
        exchange, frames = asker.ask_698()
        return bool(self._proved("698", exchange, "yes" if frames else ""))

    def _other_speeds(self, seen: Evidence) -> Evidence:
        for speed in SPEEDS:
            if speed == self.speed:
                continue
            self.tell(f"trying {speed}")
            link = self.make_link(speed)
            try:
                link.open()
                answer = self._ask(Asker(link, self.line.timeout_s, speed.byte_s), self.meter)
            except LinkDown:
                continue  # an adapter that cannot do this speed says nothing about the meter
            finally:
                link.close()
            if answer.sound:
                self._proofs["speed"] = answer.exchange.hex
                return replace(seen, other_speed=str(speed), speeds_tried=True)
        return replace(seen, speeds_tried=True)

    def _proved(self, what: str, exchange: Exchange, found: str) -> str:
        if found:
            self._proofs[what] = exchange.hex
        return found


def judged(verdict: Verdict) -> Answer:
    """A verdict of DL/T 645 as `why` looks at it."""
    refusal = next((named(frame) for frame in verdict.answers if frame.abnormal), "")
    data = next((frame.data[_DI_BYTES:] for frame in verdict.answers if not frame.abnormal), b"")
    twice = len(verdict.answers) > 1 or bool(verdict.answers and verdict.collided)
    garbled = verdict.garbled if verdict.collided else 0
    return Answer(verdict.exchange, bool(verdict.answers), garbled, verdict.echo, twice, refusal, data)


def _to_and_fro(values: Sequence[bytes]) -> bool:
    """A register of energy cannot fall: values that come back to an earlier one belong to two meters."""
    numbers = [int.from_bytes(each, "little") for each in values]
    return any(later < earlier for earlier, later in pairwise(numbers))
