"""Turns a capture of a real line into a scenario: its meters, models guessed, answers replayed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from firmware_sim.capture import CaptureError, Heard, questions, read
from firmware_sim.wire_forms import frame_of
from protocols import models
from protocols.dlt645.frame import Frame
from protocols.modbus.registers import decode_registers
from protocols.modbus.rtu import exception_meaning
from protocols.models import MeterModel, Point

_READS_645 = {0x11: 4, 0x01: 2}
_MORE = 0x12
_RANGES = {"voltage_": (50.0, 500.0), "frequency_": (45.0, 65.0), "power_factor": (-1.0, 1.0)}
_DEFAULT_MODBUS = "eastron-sdm630"
_THREE_PHASE = ("0201", "0202", "0203", "0207")


@dataclass(slots=True)
class Found:
    """One meter of the capture. `values` go by DI, `registers` by (fc, address)."""

    name: str
    address: str
    form: str
    values: dict[str, bytes] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    registers: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    exceptions: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def old(self) -> bool:
        """Identifiers of 1997 have four digits."""
        return any(len(di) == 4 for di in (*self.values, *self.errors))


def scenario_of(text: str) -> tuple[str, list[str]]:
    """(the scenario's TOML, what could not be used, a line each). CaptureError when it is no capture."""
    heard, stray = read(text)
    meters: dict[tuple[str, str], Found] = {}
    for question, answer in questions(heard):
        if answer.form == "dlt645":
            _take_645(meters, question, answer)
        else:
            _take_rtu(meters, question, answer)
    if not meters:
        raise CaptureError("no question with its answer is in it; both directions of the line are needed")
    return "\n".join(_toml(list(meters.values()), len(heard))) + "\n", stray


def _meter(meters: dict[tuple[str, str], Found], form: str, address: str) -> Found:
    if (form, address) not in meters:
        meters[form, address] = Found(f"M{len(meters) + 1:02d}", address, form)
    return meters[form, address]


def _take_645(meters: dict[tuple[str, str], Found], question: Heard, answer: Heard) -> None:
    asked, said = frame_of(question.raw), frame_of(answer.raw)
    if asked is None or said is None or asked.function != said.function or not said.address.isdecimal():
        return
    found = _meter(meters, "dlt645", said.address)
    width = _READS_645.get(asked.function, 4)
    di = asked.data[:width][::-1].hex().upper()
    if asked.function not in (*_READS_645, _MORE):
        return
    if said.abnormal:
        found.errors[di] = said.data[0] if said.data else 1
    elif said.data[:width] == asked.data[:width]:
        _keep(found, di, asked, said.data[width:])


def _keep(found: Found, di: str, asked: Frame, data: bytes) -> None:
    """The first part begins a value, a follow-up goes on with it (its SEQ is not data)."""
    if asked.function == _MORE:
        found.values[di] = found.values.get(di, b"") + data[:-1]
    else:
        found.values[di] = data


def _take_rtu(meters: dict[tuple[str, str], Found], question: Heard, answer: Heard) -> None:
    asked, said = question.raw, answer.raw
    if len(asked) != 8 or asked[1] not in (3, 4) or said[0] != asked[0]:
        return
    found = _meter(meters, "rtu", str(asked[0]))
    place = asked[1], int.from_bytes(asked[2:4], "big")
    if said[1] & 0x80:
        found.exceptions[place] = said[2]
    elif len(said) == 5 + said[2]:
        found.registers[place] = [
            int.from_bytes(said[at : at + 2], "big") for at in range(3, len(said) - 3, 2)
        ]


def guess(found: Found) -> str:
    """The model that fits best: by edition and phases, or by the registers that were read."""
    if found.form == "rtu":
        return _modbus_model(found)
    if found.old:
        return "dlt645-1997-1p"
    three = any(_shows_three(di, data) for di, data in found.values.items())
    return "dlt645-2007-3p" if three else "dlt645-2007-1p"


def _shows_three(di: str, data: bytes) -> bool:
    """Phases B or C with a value: on their own, or in a block that is not FF or 0 there."""
    if di[:4] not in _THREE_PHASE:
        return False
    if di[4:6] in ("02", "03") and di[:4] != "0203":
        return data.strip(b"\xff") != b""
    if di[4:6] != "FF":
        return False
    first = len(data) // (4 if di[:4] == "0203" else 3)
    return data[-first:].strip(b"\xff") != b"" and data[-first:].strip(b"\x00") != b""


def _modbus_model(found: Found) -> str:
    words = {
        (fc, start + at): word
        for (fc, start), read in found.registers.items()
        for at, word in enumerate(read)
    }
    scores: Mapping[str, float] = {name: _fit(models.load(name), words) for name in models.names()}
    best = max(scores, key=lambda name: (scores[name], name == _DEFAULT_MODBUS))
    return best if scores[best] > 0 else _DEFAULT_MODBUS


def _fit(model: MeterModel, words: Mapping[tuple[int, int], int]) -> float:
    """How much of what was read the model has, and whether its values could be."""
    if model.protocol != "modbus":
        return 0.0
    has = {(point.fc, point.address + at) for point in model.points for at in range(point.width)}
    judged = [verdict for point in model.points if (verdict := _could_be(point, words)) is not None]
    likely = sum(judged) / len(judged) if judged else 0.5
    return len(has & words.keys()) / max(1, len(words)) * (0.1 + likely)


def _could_be(point: Point, words: Mapping[tuple[int, int], int]) -> bool | None:
    """Whether the value is one that a grid has; None where that cannot be said."""
    span = next((span for stem, span in _RANGES.items() if point.quantity.startswith(stem)), None)
    places = [(point.fc, point.address + at) for at in range(point.width)]
    if span is None or not words.keys() >= set(places):
        return None
    try:
        raw = decode_registers([words[place] for place in places], point.type, point.word_order)
    except ValueError:
        return False
    return raw is not None and span[0] <= float(raw) * float(point.scale) * point.factor <= span[1]


def _toml(meters: Sequence[Found], frames: int) -> Iterator[str]:
    yield f"# From a capture of {frames} frames. Models are guesses: check them against the nameplates."
    yield from ("seed = 1", "", "[[area]]", 'id = "A01"', "", "[[line]]", 'name = "captured"', 'kind = "tcp"')
    for found in meters:
        yield from ("", "[[meter]]", f'id = "{found.name}"')
        yield f"unit = {found.address}" if found.form == "rtu" else f'address = "{found.address}"'
        yield from (f'model = "{guess(found)}"', 'area = "A01"', 'line = "captured"')
    for found in meters:
        yield from _answers(found)


def _answers(found: Found) -> Iterator[str]:
    for di, data in found.values.items():
        yield from _answer(found, f'di = "{di}"', f'data = "{data.hex().upper()}"')
    for di, code in found.errors.items():
        if di not in found.values:
            yield from _answer(found, f'di = "{di}"', f"error = {code}")
    for (fc, first), words in found.registers.items():
        yield from _answer(found, f"fc = {fc}", f"first_register = {first}", f"words = {words}")
    for (fc, first), code in found.exceptions.items():
        said = f"error = {code}  # {exception_meaning(code)}"
        yield from _answer(found, f"fc = {fc}", f"first_register = {first}", said)


def _answer(found: Found, *keys: str) -> Iterator[str]:
    yield from ("", "[[answer]]", f'meter = "{found.name}"', *keys)
