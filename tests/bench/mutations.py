"""What corrupted DL/T 645 answers become: how many its 8-bit sum lets through, how many even the second line.

In each frame two bytes are changed at random. A wrong value counts where it is taken as GOOD: by the frame
layer alone (address, function, DI, length, sum, BCD), and by the whole chain, which knows the reading before.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge.plausible import Care, Judge
from edge.settings import MeterSettings
from protocols.dlt645.conversations import ReadConversation
from protocols.dlt645.frame import Frame, encode, frames_in
from protocols.errors import ProtocolError
from protocols.models import MeterModel, load, values_from_dlt645
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value
from tests.edge.lines import ADDRESS, bcd, blocks, singles

FRAMES: Final = 2_000_000
INTERVAL_S: Final = 900
LINES: Final = {
    "no corrupt answer before": Care.USUAL,
    "corrupt answers, asks again": Care.JUMPS,
    "corrupt answers, asks three times": Care.THRICE,
}
"""What is known of a line, and how it is read therefore."""
PLACES: Final = {"anywhere": (0, 0), "behind the DI": (14, 2)}
"""Bytes that are left alone at the beginning and at the end of a frame."""


@dataclass(frozen=True, slots=True)
class Meter:
    """`answers`: the data behind each DI of a reading. `before`, `now`, `next`: three true readings."""

    settings: MeterSettings
    model: MeterModel
    answers: Mapping[str, bytes]
    before: Mapping[str, Value]
    now: Mapping[str, Value]
    next: Mapping[str, Value]


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    for kind, meter in (("three-phase, blocks", _three_phase()), ("single-phase, items", _single_phase())):
        for where in PLACES:
            say(f"{kind}: {FRAMES:,} answers with two bytes changed, {where}")
            yield from _results(kind, where, count(meter, FRAMES, where, random.Random(7)))


def _results(kind: str, where: str, found: Counter[str]) -> Iterator[dict[str, Any]]:
    corrupted, accepts = found["corrupted"], found["frame layer"]
    for line in LINES:
        through, registers = found[line], found[f"{line}: registers"]
        yield {
            "meter": kind,
            "changed": where,
            "line": line,
            "corrupted": corrupted,
            "one_in_sum": corrupted // max(1, found["sum"]),
            "frame_layer_accepts": accepts,
            "one_in_frame_layer": corrupted // max(1, accepts),
            "chain_accepts": through,
            "one_in_chain": corrupted // through if through else None,
            "chain_accepts_of_registers": registers,
            "one_in_chain_of_registers": corrupted // registers if registers else None,
        }


def count(meter: Meter, frames: int, where: str, chance: random.Random) -> Counter[str]:
    """How often which part of the chain takes a wrong value, of so many corrupted answers."""
    asked = [(di, encode(Frame(ADDRESS, 0x91, bcd(di) + data))) for di, data in sorted(meter.answers.items())]
    found: Counter[str] = Counter(corrupted=frames)
    for number in range(frames):
        di, raw = asked[number % len(asked)]
        spoilt = _corrupted(raw, where, chance)
        frame = next(frames_in(spoilt), None)
        if frame is None:
            continue
        found["sum"] += 1
        got = _accepted(meter.model, di, frame)
        if any(value != meter.now[name] for name, value in got.items()):
            found["frame layer"] += 1
            for line, care in LINES.items():
                wrong = _through(meter, {**meter.now, **got}, care)
                found[line] += bool(wrong)
                found[f"{line}: registers"] += any(QUANTITIES[name].kind is Kind.COUNTER for name in wrong)
    return found


def _corrupted(raw: bytes, where: str, chance: random.Random) -> bytes:
    changed, (head, tail) = bytearray(raw), PLACES[where]
    for at in chance.sample(range(head, len(raw) - tail), 2):
        changed[at] ^= chance.randrange(1, 256)
    return bytes(changed)


def _accepted(model: MeterModel, di: str, frame: Frame) -> dict[str, Value]:
    """What the frame layer makes of the answer to that question."""
    try:
        data = ReadConversation(ADDRESS, di).accept(frame)
        return {} if data is None else values_from_dlt645(model, di, data)
    except ProtocolError:
        return {}


def _through(meter: Meter, said: dict[str, Value], care: Care) -> list[str]:
    """The quantities that are taken, wrong and unmarked; what lies between true answers is not wrong."""
    judge, after = Judge(), iter((dict(meter.now), dict(meter.next)))
    judge.weigh(meter.settings, meter.model, dict(meter.before), 0.0, lambda: None)
    verdict = judge.weigh(meter.settings, meter.model, said, INTERVAL_S, lambda: next(after, None), care=care)
    if verdict.suspect:
        return []
    true = meter.now, meter.next
    return [
        name
        for name, value in verdict.values.items()
        if not min(each[name] for each in true) <= value <= max(each[name] for each in true)
    ]


def _three_phase() -> Meter:
    return _meter("dlt645-2007-3p", blocks(), 60.0)


def _single_phase() -> Meter:
    model = load("dlt645-2007-1p")
    wanted = {point.di for point in model.points}
    return _meter(model.name, {di: data for di, data in singles().items() if di in wanted}, 60.0)


def _meter(name: str, answers: Mapping[str, bytes], rated_a: float) -> Meter:
    model = load(name)
    now: dict[str, Value] = {}
    for di, data in answers.items():
        now |= values_from_dlt645(model, di, data)
    settings = MeterSettings(id="m", model=name, address=ADDRESS, max_current_a=rated_a)
    return Meter(settings, model, answers, _moved(now, 0.97, -90), now, _moved(now, 1.01, 0))


def _moved(values: Mapping[str, Value], share: float, wh: int) -> dict[str, Value]:
    """A reading some time before or after: gauges moved, the total and the tariff in force advanced."""
    advancing = ("energy_import_wh", "energy_import_t1_wh")
    return {
        name: _gauge(name, value * share) if isinstance(value, float)
        else value + (wh if name in advancing else 0)
        for name, value in values.items()
    }  # fmt: skip


def _gauge(name: str, value: float) -> float:
    return min(1.0, value) if QUANTITIES[name].unit == "1" else value
