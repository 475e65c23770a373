"""What a wire may do to golden Modbus RTU answers: never a crash, and no wrong value out of a flipped bit."""

import random
from collections.abc import Iterator

import pytest

from protocols import models
from protocols.errors import ProtocolError
from protocols.models import Golden, MeterModel
from protocols.readings import Value

MODBUS = [name for name in models.names() if models.load(name).protocol == "modbus"]
GOLDEN = [(models.load(name), golden) for name in MODBUS for golden in models.load(name).golden]
MUTATIONS = 100_000


def taken(model: MeterModel, golden: Golden, response: bytes) -> dict[str, Value] | None:
    """The values that would be believed; None when the answer is refused."""
    try:
        return models.golden_values(model, golden.request, response, golden.start)
    except ProtocolError:
        return None


@pytest.mark.parametrize("name", MODBUS)
def test_every_flipped_bit_is_noticed(name: str) -> None:
    model = models.load(name)
    for golden in model.golden:
        for bit in range(8 * len(golden.response)):
            changed = bytearray(golden.response)
            changed[bit // 8] ^= 1 << bit % 8
            assert taken(model, golden, bytes(changed)) is None


def mutated(raw: bytes, draw: random.Random) -> bytes:
    """Bits flipped, bytes changed, lost, doubled, put in, zeroed from somewhere on, or cut off."""
    changed = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed)) if changed else 0
        match draw.randrange(7):
            case 0:
                changed[at : at + 1] = bytes((changed[at] ^ 1 << draw.randrange(8),)) if changed else b""
            case 1:
                changed[at : at + 1] = draw.randbytes(1)
            case 2:
                del changed[at : at + 1]
            case 3:
                changed[at:at] = changed[at : at + 1]
            case 4:
                changed[at:at] = draw.randbytes(draw.randint(1, 3))
            case 5:
                changed[at:] = bytes(len(changed) - at)
            case _:
                del changed[at:]
    return bytes(changed)


def wrong_values(seed: int) -> Iterator[dict[str, Value]]:
    draw = random.Random(seed)
    for _ in range(MUTATIONS):
        model, golden = draw.choice(GOLDEN)
        response = mutated(golden.response, draw)
        values = taken(model, golden, response)
        if values is not None and values != golden.values:
            yield values


def test_a_hundred_thousand_mutations_are_survived_and_hardly_one_is_believed() -> None:
    """A 16-bit checksum lets one random corruption in 65,536 through; length, unit and function stand too."""
    assert len(list(wrong_values(seed=7))) <= 1
