"""What goes over MQTT comes back equal; what is not ours is refused before it can do harm."""

import json
import random
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MessageError
from protocols.mqtt import messages
from protocols.mqtt.messages import Dropped, Health, Probe, Readings, Row, Status, Stored
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Quality, Source

COUNTERS = [name for name, quantity in QUANTITIES.items() if quantity.kind is Kind.COUNTER]
GAUGES = [name for name, quantity in QUANTITIES.items() if quantity.kind is Kind.GAUGE]
KINDS: list[type[Any]] = [Readings, Stored, Dropped, Status, Health, Probe]

names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=64)
seqs = st.integers(1, 2**53 - 1)
values = st.dictionaries(
    st.sampled_from(COUNTERS), st.integers(0, 2**53 - 1), min_size=1, max_size=4
).flatmap(
    lambda counters: st.dictionaries(
        st.sampled_from(GAUGES), st.floats(allow_nan=False, allow_infinity=False), max_size=6
    ).map(lambda gauges: {**counters, **gauges})
)
rows = st.builds(Row, names, st.integers(0, 2**47), st.sampled_from(Source), values, st.sampled_from(Quality))
batches = st.builds(
    Readings,
    v=st.just(1),
    gateway=names,
    epoch=st.text("abc019._-", min_size=1, max_size=64),
    seq=seqs,
    readings=st.lists(rows, min_size=1, max_size=5),
)


def batch(value: str = "1", name: str = "power_w", **fields: str) -> bytes:
    """A batch as raw JSON, so that what no encoder of ours writes can be said too."""
    written = {"v": "1", "gateway": '"gw-1"', "epoch": '"e1"', "seq": "1"} | fields
    written.setdefault("readings", f'[["m1",1,"polled",{{"{name}":{value}}}]]')
    return ("{" + ",".join(f'"{key}":{text}' for key, text in written.items()) + "}").encode()


def refused(payload: bytes, kind: type[Any] = Readings) -> str:
    with pytest.raises(MessageError) as refusal:
        messages.decode(payload, kind)
    return str(refusal.value)


@given(batches)
def test_a_batch_comes_back_as_it_went(sent: Readings) -> None:
    payload = messages.encode(sent)
    assert messages.decode(payload, Readings) == sent
    assert messages.encode(messages.decode(payload, Readings)) == payload
    assert messages.identity(payload) == (sent.gateway, sent.epoch, sent.seq)


@given(st.lists(st.tuples(seqs, seqs).map(lambda pair: (min(pair), max(pair))), max_size=5))
def test_what_is_settled_comes_back_as_it_went(settled: list[tuple[int, int]]) -> None:
    sent = Stored(gateway="gw-1", epoch="e1", settled=settled)
    assert messages.decode(messages.encode(sent), Stored) == sent


@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_any_bytes_are_a_message_or_a_message_error(payload: bytes, kind: type[Any]) -> None:
    try:
        messages.decode(payload, kind)
    except MessageError as error:
        assert str(error)  # noqa: PT017


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | (
    st.dictionaries(st.sampled_from(["v", "gateway", "epoch", "seq", "readings", "settled"]), inner)
)), st.sampled_from(KINDS))  # fmt: skip
def test_any_json_is_a_message_or_a_message_error(document: Any, kind: type[Any]) -> None:
    payload = json.dumps(document).encode()
    for each in (payload, zlib.compress(payload)):
        try:
            messages.decode(each, kind)
        except MessageError as error:
            assert str(error)  # noqa: PT017


def test_a_zip_bomb_is_stopped_at_the_limit() -> None:
    bomb = zlib.compress(b" " * (64 * 1024 * 1024))
    assert len(bomb) < messages.MAX_PAYLOAD
    assert "inflates beyond" in refused(bomb)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "null", '"1"', "true", "[1]", "{}"]
)
def test_what_is_no_finite_number_is_no_value(value: str) -> None:
    assert refused(batch(value))


@pytest.mark.parametrize("value", ["1.0", "1.5", "1e3", "-1", "9007199254740992", "-0.0"])
def test_a_counter_is_a_whole_number(value: str) -> None:
    assert "energy_import_wh" in refused(batch(value, "energy_import_wh"))
    messages.decode(batch(value.replace("9007199254740992", "1"), "power_w"), Readings)


def test_a_quantity_nobody_knows_is_refused() -> None:
    assert "no quantity is called 'powr_w'" in refused(batch(name="powr_w"))


@pytest.mark.parametrize("kind", KINDS)
def test_another_version_is_refused(kind: type[Any]) -> None:
    if kind is Probe:
        assert "version 2" in refused(b'{"v":2,"nonce":"n"}', Probe)
    elif kind is Stored:
        assert "version 2" in refused(b'{"v":2,"gateway":"g","epoch":"e","settled":[]}', Stored)
    else:
        assert refused(b'{"v":2}', kind)
    assert refused(b'{"v":"1","nonce":"n"}', Probe)


def test_deep_nesting_is_refused() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    assert refused(batch(deep))
    assert refused(batch(extra=deep))
    assert refused(b'{"a":' * 100_000)


def test_of_duplicate_keys_the_last_counts_and_is_the_one_that_is_checked() -> None:
    last = messages.decode(batch('1,"power_w":2'), Readings)
    assert last.readings[0].values == {"power_w": 2}
    assert refused(batch('1,"power_w":"x"'))
    assert refused(batch(seq='1,"seq":0'))


@pytest.mark.parametrize("meter", [b"\xff\xfe", b"\xc3\x28", b"\\ud800", b"m\\u0000", b"m\\n", b""])
def test_a_name_that_no_database_could_keep_is_refused(meter: bytes) -> None:
    assert refused(batch().replace(b'"m1"', b'"' + meter + b'"'))


@pytest.mark.parametrize(
    "settled", ["[[0,1]]", "[[2,1]]", "[[1]]", "[[1,2,3]]", f"[[1,{10**30}]]", '[["1","2"]]']
)
def test_a_settlement_without_sound_ranges_empties_no_outbox(settled: str) -> None:
    assert refused(f'{{"v":1,"gateway":"gw-1","epoch":"e1","settled":{settled}}}'.encode(), Stored)


def test_a_reason_has_its_length() -> None:
    dropped = Dropped(gateway="gw-1", epoch="e1", seqs=[(1, 2)], readings=3, reason="x" * 201)
    assert "over the limit" in refused(messages.encode(dropped), Dropped)


def test_small_messages_stay_readable_and_batches_are_deflated() -> None:
    stored = Stored(gateway="gw-1", epoch="e1", settled=[(1, 3)])
    assert messages.encode(stored) == b'{"v":1,"gateway":"gw-1","epoch":"e1","settled":[[1,3]]}'
    rows_ = [Row(f"m{n}", 1, Source.POLLED, {"voltage_l1_v": 230.0}) for n in range(100)]
    payload = messages.encode(Readings(gateway="gw-1", epoch="e1", seq=1, readings=rows_))
    assert len(payload) < len(zlib.decompress(payload)) / 5


def test_the_largest_batch_a_gateway_builds_fits() -> None:
    """1000 readings of a three-phase meter with every value different."""
    draw = random.Random(7)
    names_ = [*COUNTERS[:10], *GAUGES[:20]]
    rows_ = [
        Row(
            f"00000000{n:04d}",
            1_790_000_000_000 + n,
            Source.POLLED,
            {
                name: draw.randrange(10**8) * 10 if name in COUNTERS else round(draw.uniform(0, 10**4), 3)
                for name in names_
            },
        )
        for n in range(1000)
    ]
    payload = messages.encode(Readings(gateway="gw-1", epoch="e1", seq=1, readings=rows_))
    assert len(payload) <= messages.MAX_PAYLOAD
    assert len(messages.decode(payload, Readings).readings) == 1000
