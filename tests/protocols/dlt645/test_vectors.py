"""128 frames, most of them published by others: each decodes to its `expect` and encodes back byte for byte.

Every vector names where it comes from in `source`; those we made ourselves are marked `synthetic`.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from protocols.dlt645.conversations import di_bytes
from protocols.dlt645.explain import explain
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.identifiers import Item, Kind, lookup, lookup_1997
from protocols.dlt645.values import Demand, Single, encode_value

Vector = dict[str, Any]
VECTORS: list[Vector] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "dlt645_vectors.json").read_text()
)
ABOUT_THE_VECTOR = {"note", "value_origin"}


def expected(vector: Vector) -> Vector:
    return {key: value for key, value in vector["expect"].items() if key not in ABOUT_THE_VECTOR}


def frames_of(vector: Vector) -> list[Vector]:
    """What is expected of each frame in a vector that holds any."""
    if not vector["expect"]["valid"]:
        return []
    frames: list[Vector] = vector["expect"].get("frames") or [vector["expect"]]
    return frames


def value_in(item: Item, text: str | None, frame: Vector) -> Single:
    if item.kind is Kind.DEMAND:
        return Demand(Decimal(text) if text else None, frame["time"])
    if text is None or item.kind in (Kind.TIME, Kind.TEXT, Kind.DIGITS):
        return text
    return int(text, 16) if item.kind is Kind.BITS else Decimal(text)


def test_the_set_is_whole() -> None:
    assert len(VECTORS) == 128
    assert all(vector["source"] for vector in VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['id']}-{v['category']}")
def test_decodes_to_what_was_published(vector: Vector) -> None:
    assert explain(vector["frame_hex"], show_secrets=True) == expected(vector)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['id']}-{v['category']}")
def test_encodes_to_the_published_bytes(vector: Vector) -> None:
    for frame in frames_of(vector):
        data = bytes.fromhex(frame["data_hex"])
        raw = encode(Frame(frame["address"], int(frame["control"], 16), data, frame["preamble_len"]))
        assert raw.hex().upper() in vector["frame_hex"].upper()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['id']}-{v['category']}")
def test_value_encodes_to_the_published_data(vector: Vector) -> None:
    for frame in frames_of(vector):
        if "reason" in frame or not {"value", "values"} & frame.keys():
            continue
        item = lookup(frame["di"]) or lookup_1997(frame["di"])
        assert item is not None
        values = [value_in(item, text, frame) for text in frame.get("values", [frame.get("value")])]
        rebuilt = encode_value(list(values) if "values" in frame else values[0], item)
        assert (di_bytes(frame["di"]) + rebuilt).hex().upper() == frame["data_hex"]
