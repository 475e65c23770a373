"""A freeze comes back with the meter's stamp; what was not frozen is absent, and an empty place is empty."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645 import freezes
from protocols.dlt645.demands import MaxDemand, decode_demands, demand_di, encode_demand
from protocols.dlt645.frame import Frame, encode, frames_in
from protocols.dlt645.freezes import KINDS, PARTS, decode, di, settlement_di
from protocols.dlt645.measured import Number
from protocols.errors import FrameError

AT = datetime(2026, 3, 1)
PEAK = datetime(2026, 2, 17, 18, 45)
NAMES = ("energy_import_wh", *(f"energy_import_t{n}_wh" for n in range(1, 5)), "energy_export_wh",
         "reactive_energy_import_varh", "reactive_energy_q1_varh")  # fmt: skip
WATTS = ("power_w", "power_l1_w", "reactive_power_var", "reactive_power_l3_var")
energies = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 79_999_999).map(lambda steps: steps * 10))
powers = st.dictionaries(st.sampled_from(WATTS), st.integers(-799_999, 799_999).map(lambda n: n / 10))
stamps = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(
    lambda at: at.replace(second=0, microsecond=0)
)
demands = st.lists(
    st.builds(MaxDemand, st.none() | st.integers(0, 999_998).map(lambda n: n / 10), st.none() | stamps),
    min_size=5, max_size=5,
)  # fmt: skip


@given(stamps, energies, powers, demands, demands)
def test_a_daily_freeze_comes_back_as_it_was_written(
    stamp: datetime, counted: dict[str, int], measured: dict[str, float],
    import_: list[MaxDemand], export: list[MaxDemand],
) -> None:  # fmt: skip
    numbers: dict[str, Number] = {**counted, **measured}
    data = freezes.encode("daily", "all", stamp, numbers, {"import": import_, "export": export})
    found = decode(di("daily", "all", 1), data)
    assert found.stamp == stamp
    assert found.values == pytest.approx(numbers, abs=1e-9)
    assert [list(each) for each in found.demands.values()] == [import_, export]
    assert decode(di("daily", "all", 1), data + b"\xaa") == found  # some meters end the last part, too


@given(stamps, energies)
def test_an_hourly_freeze_has_time_import_and_export(stamp: datetime, counted: dict[str, int]) -> None:
    found = decode(di("hourly", "all", 254), freezes.encode("hourly", "all", stamp, counted))
    kept = {name: value for name, value in counted.items() if name.startswith("energy")}
    assert (found.stamp, found.values) == (stamp, kept)


@pytest.mark.parametrize("kind", KINDS)
def test_each_part_is_asked_for_and_read_on_its_own(kind: str) -> None:
    energies = {"energy_import_wh": 123450, "energy_import_t2_wh": 10}
    held = {"import": energies, "powers": {"power_w": -120.0}}
    numbers = energies | {"power_w": -120}
    for part in PARTS:
        if part != "all":
            data = freezes.encode(kind, part, AT, numbers)
            found = decode(di(kind, part, 1), data)
            assert found.stamp == (AT if part == "time" else None)
            assert found.values == held.get(part, {})


def test_the_published_daily_freeze_time() -> None:
    assert decode("05060001", bytes.fromhex("0000091015")) == freezes.Freeze(datetime(2015, 10, 9), {})


def test_a_place_where_nothing_was_frozen_yet_holds_nothing() -> None:
    numbers: Mapping[str, int] = dict.fromkeys(NAMES, 0)
    assert decode(di("daily", "all", 62), freezes.encode("daily", "all", None, numbers)) == freezes.Freeze(
        None, {}
    )
    assert decode(di("daily", "time", 62), bytes(5)).stamp is None


def test_a_part_that_is_not_frozen_leaves_its_place_empty() -> None:
    parts = freezes.encode("daily", "all", AT, {"energy_import_wh": 10, "energy_export_wh": 20}).split(
        b"\xaa"
    )
    parts[2] = b""
    found = decode(di("daily", "all", 1), b"\xaa".join(parts))
    assert found.values == {"energy_import_wh": 10}


def test_after_the_energies_a_part_is_taken_only_where_all_places_are_there() -> None:
    parts = freezes.encode("daily", "all", AT, {"energy_import_wh": 10, "power_w": 50}).split(b"\xaa")
    shorter = parts[:9] + parts[11:]  # no demands: the powers stand where a demand would
    found = decode(di("daily", "all", 1), b"\xaa".join(shorter))
    assert (found.values, found.demands) == ({"energy_import_wh": 10}, {})


def test_a_register_past_its_last_digit_starts_again() -> None:
    data = freezes.encode("daily", "import", AT, {"energy_import_wh": 10**9 + 20})
    assert decode(di("daily", "import", 1), data).values == {"energy_import_wh": 20}


def test_a_settlement_day_is_read_as_total_and_tariffs() -> None:
    assert [settlement_di(1), settlement_di(12, "export"), settlement_di(2, "demand_import")] == [
        "0001FF01", "0002FF0C", "0101FF02",
    ]  # fmt: skip
    data = bytes.fromhex("78563412 00010000 FFFFFFFF")
    assert decode("0001FF01", data).values == {"energy_import_wh": 123456780, "energy_import_t1_wh": 1000}
    assert decode("00010203", data[4:8]).values == {"energy_import_t2_wh": 1000}
    assert decode("00050001", data[4:8]).numbers == {"00050000": Decimal("1.00")}
    demand = decode("0101FF02", encode_demand(1234.5, PEAK))
    assert demand.demands == {"0101FF02": (MaxDemand(1234.5, PEAK),)}


@pytest.mark.parametrize(
    ("kind", "part", "back"),
    [("daily", "import", 0), ("daily", "import", 63), ("timed", "time", 13), ("hourly", "all", 255)],
)
def test_what_no_meter_keeps_is_not_asked_for(kind: str, part: str, back: int) -> None:
    with pytest.raises(ValueError, match="kept"):
        di(kind, part, back)
    with pytest.raises(ValueError, match="kept 12 back"):
        settlement_di(13)
    with pytest.raises(ValueError, match="no part"):
        settlement_di(1, "powers")


@pytest.mark.parametrize(
    ("asked", "data"),
    [
        ("0506FF01", "0000010326AA010203"), ("0506FF01", "1300010326AA00000000AA" + "00" * 5),
        ("0506FF01", "0000011326"), ("0506FF01", "00" * 5 + "AA" * 13), ("05060101", "010203"),
        ("05061001", "00" * 23), ("05060901", "00" * 9), ("05060001", "00"), ("02010100", "0123"),
        ("05060101", ""), ("050600FE", "0A00010326"),
    ],
)  # fmt: skip
def test_bytes_that_do_not_fit_are_refused(asked: str, data: str) -> None:
    with pytest.raises(FrameError):
        decode(asked, bytes.fromhex(data))


@given(
    st.sampled_from(["0506FF01", "0504FF01", "05060001", "05060101", "05060901", "05061001", "0001FF01",
                     "00010001", "0101FF01", "0101FFFF", "05FFFF01", "0002FFFF"]),
    st.binary(max_size=300),
)  # fmt: skip
def test_any_bytes_give_a_freeze_or_a_frame_error(asked: str, data: bytes) -> None:
    for attempt in (data, bytes.fromhex("0000010326AA") + data):
        try:
            decode(asked, attempt)
        except FrameError:
            continue


def test_no_flipped_bit_of_a_frame_gives_another() -> None:
    data = freezes.encode("hourly", "all", AT, {"energy_import_wh": 123450, "energy_export_wh": 0})
    frame = Frame("202107072529", 0x91, bytes.fromhex("01FF0405") + data)
    raw = encode(frame)
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert list(frames_in(bytes(flipped))) == []


def test_a_demand_has_its_time_and_is_in_watts() -> None:
    assert decode_demands("01010000", bytes.fromhex("000078 3012010123")) == [
        MaxDemand(78000.0, datetime(2023, 1, 1, 12, 30))
    ]
    assert encode_demand(None, None) == b"\xff\xff\xff" + bytes(5)
    assert [demand_di(), demand_di("export", 255, 1)] == ["01010000", "0102FF01"]
    with pytest.raises(ValueError, match="no demand"):
        demand_di("import", 64)
    with pytest.raises(FrameError):
        decode_demands("00010000", bytes(8))
    with pytest.raises(FrameError):
        decode_demands("01010000", bytes(16))
