"""The printed table says of every identifier what the rules say of it, and leaves none out."""

import random
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.dlt645.identifiers import lookup, lookup_1997, table
from protocols.dlt645.items import Item
from protocols.dlt645.listing import Family, families

FAMILIES = families(lookup, lookup_1997)
ROWS = dict(zip(FAMILIES, table(), strict=True))
SOURCES = {"verified", "secondary", "unverified"}


def find(family: Family, di: str) -> Item | None:
    return lookup(di) if family.version == "2007" else lookup_1997(di)


def shape(item: Item) -> tuple[object, ...]:
    return item.kind, item.format, item.unit, item.size, item.signed, item.block, item.source


def test_each_row_holds_for_its_whole_family() -> None:
    draw = random.Random(645)
    for family, row in ROWS.items():
        some = [
            Family(family.version, tuple((draw.choice(place),) for place in family.places)) for _ in range(6)
        ]
        shapes = set()
        for di in [*family.ends(), *(next(one.dis()) for one in some)]:
            item = find(family, di)
            assert item is not None, (row.di, di)
            shapes.add(shape(item))
        assert len(shapes) == 1, row.di
        assert row.source in SOURCES


NEAR_AN_EDGE = [0, 1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 21, 22, 33, 34, 62, 63, 64, 254, 255]


@given(
    st.binary(min_size=4, max_size=4)
    | st.tuples(
        st.sampled_from([0, 1, 2, 3, 4, 5, 6, 0x1D, 0x1E]),
        st.integers(0, 255),
        st.sampled_from(NEAR_AN_EDGE),
        st.sampled_from(NEAR_AN_EDGE),
    ).map(bytes)
)
@settings(max_examples=300)
@example(bytes.fromhex("0000FF0D"))
@example(bytes.fromhex("000140FF"))
@example(bytes.fromhex("0001FFFF"))
@example(bytes.fromhex("040005FF"))
def test_no_identifier_of_2007_is_missing_or_there_twice(raw: bytes) -> None:
    di = raw.hex().upper()
    assert len([f for f in FAMILIES if f.version == "2007" and f.holds(di)]) == (lookup(di) is not None)


def test_no_identifier_of_1997_is_missing_or_there_twice() -> None:
    listed = Counter(di for family in FAMILIES if family.version == "1997" for di in family.dis())
    known = {di for number in range(0x10000) if lookup_1997(di := f"{number:04X}")}
    assert listed == Counter(known)


@pytest.mark.parametrize(
    ("di", "name", "unit", "sign", "source"),
    [
        (
            "00 01 00-3F 00-0C",
            "forward active energy, tariff n, settlement day n back",
            "kWh",
            "none",
            "verified",
        ),
        (
            "00 00 FF 00-0C",
            "combined active energy, all tariffs, settlement day n back",
            "kWh",
            "bit 7 of the highest byte",
            "verified",
        ),
        ("02 03 00 00", "active power, total", "kW", "bit 7 of the highest byte", "verified"),
        ("02 80 00 20", "present price", "CNY/kWh", "none", "unverified"),
        ("05 06 01 01-FE", "daily freeze, n back: forward active energy", "kWh", "none", "unverified"),
        ("B61[1-3]", "voltage, each phase", "V", "none", "verified"),
    ],
)
def test_a_row_tells_unit_sign_and_source(di: str, name: str, unit: str, sign: str, source: str) -> None:
    (row,) = [row for row in ROWS.values() if row.di == di]
    assert (row.name, row.unit, row.sign, row.source) == (name, unit, sign, source)


def test_a_published_count_does_not_vouch_for_the_record() -> None:
    sources = {row.di: row.source for row in ROWS.values()}
    assert (sources["03 30 0D 00"], sources["03 30 0D 01-0A"]) == ("verified", "secondary")


def test_a_record_that_no_source_describes_says_so() -> None:
    notes = {row.di: row.note for row in ROWS.values()}
    assert notes["03 30 01 01-0A"] == "kept as bytes: no source describes it"
    assert notes["03 30 0D 01-0A"].startswith("start, end, import kwh before")
    assert notes["06 00 00 00-02"].startswith("A0 A0, length, stamp")
