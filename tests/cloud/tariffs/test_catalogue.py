"""Tariff documents: what ships holds together, and what contradicts itself is refused with file and line."""

import re
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kit.bands import Band, DayKind
from cloud.kit.calendar import DayType
from cloud.kit.errors import Invalid, NotFound
from cloud.kit.money import rounded
from cloud.tariffs.catalogue import Catalogue, Filed, from_file, parsed, read, remarks, warnings
from cloud.tariffs.price import band_price

SHIPPED = read()
HOUSEHOLDS = [
    f"{place}-household"
    for place in ("beijing", "guangdong", "guangxi", "guizhou", "shandong", "sichuan", "yunnan", "zhejiang")
]
INDUSTRIES = [
    f"{place}-industry" for place in ("guangdong", "hubei", "jiangsu", "shandong", "sichuan", "zhejiang")
]
LABELS = ["", "Spring Festival", "hot-35", "hot-35-3"]
GOOD = """\
id = "own-household"
name = { zh_CN = "自有", en = "own" }
province = "示例"
class = "household"
from = 2026-01-01
source = "made up"

[steps]
cycle = "month"
adders = [0.05, 0.30]
limits = [{ kwh = [200, 400] }]

[[plan]]
id = "plain"
name = { zh_CN = "不分时", en = "one price" }
steps = true
prices = [{ flat = 0.5 }]

[[plan]]
id = "tou"
name = { zh_CN = "分时", en = "by hours" }
windows = [{ peak = ["08:00-22:00"], valley = ["00:00-08:00", "22:00-24:00"] }]
prices = [{ peak = 0.6, valley = 0.3 }]
"""


def test_the_documents_that_ship() -> None:
    assert SHIPPED.ids == sorted(HOUSEHOLDS + INDUSTRIES)
    assert SHIPPED.documents("guangzhou-household") == SHIPPED.documents("guangdong-household")
    for tariff in SHIPPED.ids:
        for document in SHIPPED.documents(tariff):
            assert document.source
            assert document.certain or "not compared" in remarks(document)[0]


@pytest.mark.parametrize("tariff", HOUSEHOLDS + INDUSTRIES)
def test_bands_partition_every_day_of_every_year_and_each_has_a_price(tariff: str) -> None:
    (document,) = SHIPPED.documents(tariff)
    for plan in document.plans:
        if not plan.windows:
            continue
        table = plan.table()
        for ordinal in range(date(2024, 1, 1).toordinal(), date(2025, 1, 1).toordinal()):
            day = date.fromordinal(ordinal)  # a leap year has every date there is
            said = plan.priced(day.month).said().keys() | {"flat"}
            for kind in DayType:
                for label in LABELS:
                    quarters = table.quarters(DayKind(day, kind.value, frozenset({label})))
                    assert quarters.shape == (96,)
                    names = {Band(each).name.lower() for each in np.unique(quarters)}
                    assert names <= said, (tariff, plan.id, day)


def test_the_hours_of_guangzhou_to_eight_decimals() -> None:
    (document,) = SHIPPED.documents("guangdong-household")
    day, tou = date(2026, 3, 1), document.plan("tou")
    found = [band_price(document, tou, band, day) for band in ("peak", "flat", "valley")]
    assert found == [Decimal("0.99500875"), Decimal("0.58886875"), Decimal("0.22914475")]


def test_the_identity_of_hubeis_table_of_january_2026() -> None:
    document = SHIPPED.in_force("hubei-industry", date(2026, 1, 15))
    components, tou = document.components_of(date(2026, 1, 15)), document.plan("tou")
    assert components is not None
    made = {band: components.made(ratio) for band, ratio in tou.priced(1).said().items()}
    assert made["flat"] == Decimal("0.651886")
    assert made["sharp"] == Decimal("1.049999")
    six = Decimal("0.000001")
    assert rounded(made["valley"], to=six) == Decimal("0.432924")
    assert rounded(components.made(Decimal("1.5")), to=six) == Decimal("0.850943"), (
        "peak is published otherwise, so what is published is billed"
    )
    assert band_price(document, tou, "peak", date(2026, 1, 15)) == Decimal("0.848961")


def test_a_month_that_no_document_has_the_purchase_price_of_is_not_priced() -> None:
    document = SHIPPED.in_force("hubei-industry", date(2026, 2, 1))
    with pytest.raises(ValueError, match="no components of 2026-02, has those from 2026-01-01 to"):
        band_price(document, document.plan("tou"), "flat", date(2026, 2, 1))


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("limits = [{ kwh = [200, 400] }]", "limits = [{ kwh = [400, 200] }]", 11, "do not rise"),
        ("limits = [{ kwh = [200, 400] }]", "limits = [{ kwh = [200] }]", 11, "1 of them for 2 adders"),
        ("limits = [{ kwh", "limits = [{ months = [1], kwh", 8, "month 2 is not named"),
        ('class = "household"', 'class = "castle"', 4, "'household'"),
        ('"08:00-22:00"', '"08:00-21:00"', 19, "no price for flat"),
        ('"08:00-22:00"', '"07:00-22:00"', 22, "another band already"),
        ('"08:00-22:00"', '"08:05-22:00"', 22, "not on a quarter"),
        ('"08:00-22:00"', '"8-22"', 22, "no span of time"),
        ("flat = 0.5 ", "flat = 500 ", 17, "less than or equal to 100"),
        ("steps = true\n", "step = true\n", 16, "did you mean 'steps'"),
        ('source = "made up"', "", 1, "Field required"),
        ("from = 2026-01-01", "from = 2026-01-01\nto = 2025-01-01", 6, "is not after"),
        ('id = "tou"', 'id = "plain"', 1, "'plain' is there twice"),
        ("kwh = [200, 400]", "kwh = [0, 400]", 11, "greater than 0"),
        ("adders = [0.05", "adders = [-0.05", 10, "-0.05: what a step adds"),
        ("peak = 0.6, valley = 0.3", "peak = 0.6, valley = -0.3", 23, "below 0: nobody is paid"),
        ("peak = 0.6, valley = 0.3", "peak = 0.6", 19, "month 1: no price for valley"),
        ("prices = [{ flat", "prices = [{ months = [], flat", 17, "at least 1 item"),
        ("windows = [{ peak", 'windows = [{ days = ["work"], peak', 19, "saturday: no windows"),
    ],
)
def test_a_document_that_is_wrong_is_refused_with_its_line(old: str, new: str, line: int, told: str) -> None:
    assert old in GOOD
    with pytest.raises(Invalid) as refused:
        parsed(GOOD.replace(old, new), "own.toml")
    assert str(refused.value).startswith(f"own.toml:{line}: "), str(refused.value)
    assert told in str(refused.value)


COMPOSED = (
    GOOD.replace("prices = [{ peak = 0.6, valley = 0.3 }]", "ratios = [{ peak = 1.6, valley = 0.4 }]")
    + """
[[components]]
from = 2026-01-01
to = 2026-02-01
source = "made up"
floating = { purchase = 0.4, loss = 0.01 }
fixed = { distribution = 0.1 }
funds = 0.02

[[components]]
from = 2026-02-01
to = 2026-03-01
source = "made up"
floating = { purchase = 0.4 }
"""
)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("purchase = 0.4, loss", "purchase = -0.4, loss", 29, "sums up to 0 or less"),
        ("funds = 0.02", "funds = -0.02", 31, "-0.02 is below 0"),
        ("from = 2026-02-01", "from = 2026-01-15", 25, "overlap"),
    ],
)
def test_components_that_contradict_themselves_are_refused(old: str, new: str, line: int, told: str) -> None:
    assert old in COMPOSED
    with pytest.raises(Invalid, match=rf"own\.toml:{line}: .*{told}"):
        parsed(COMPOSED.replace(old, new), "own.toml")


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("[0.05, 0.30]", "[0.30, 0.05]", 10, "0.30, 0.05 do not rise"),
        ("steps = true\n", "", 8, "they are never billed"),
        ("peak = 1.6, valley = 0.4", "peak = 0.4, valley = 1.6", 23, "flat, 1, is above that of peak, 0.4"),
        ("peak = 1.6,", "sharp = 1.5, peak = 1.6,", 23, "of peak, 1.6, is above that of sharp, 1.5"),
        ("peak = 1.6,", "sharp = 2, peak = 1.6,", 23, "sharp: no window ever names it"),
        ("peak = 1.6,", "peak = 1.6, flat = 2,", 23, "flat is 2: the others are ratios"),
        ("valley = 0.4 }", "valley = 0 }", 23, "valley is 0: its energy costs nothing"),
        ("{ flat = 0.5 }", "{ flat = 53.8 }", 17, "53.8 CNY/kWh: was it written in fen"),
        ("{ flat = 0.5 }", "{ flat = 0.5, peak = 0.4 }", 17, "flat, 0.5, is above that of peak, 0.4"),
        ("loss = 0.01", "loss = -0.01", 29, "loss -0.01 is below 0"),
        ("to = 2026-02-01", "to = 2026-01-15", 34, "2026-01-15 to 2026-01-31 has no price"),
        ("from = 2026-01-01\nsource", "from = 2026-01-01\nto = 2026-01-20\nsource", 35, "lies outside"),
        (
            "funds = 0.02",
            "funds = 0.02\npublished = { peak = 0.3, valley = 0.4 }",
            32,
            "valley, 0.4, is above",
        ),
        (
            "ratios = [{ peak = 1.6, valley = 0.4 }]",
            "prices = [{ peak = 1.6, valley = 0.4 }]",
            25,
            "no plan has ratios",
        ),
        ('province = "示例"', 'province = "示例"\nvoltage = "low"', 4, "'low' is not understood"),
        (
            "ratios = [{",
            'overlays = [{ holidays = ["Sprng Festival"], valley = ["09:00-15:00"] }]\nratios = [{',
            23,
            "'Sprng Festival' is no holiday",
        ),
        ("[steps]", "[two_part]\ncapacity = 40\ndemand = 30\n[steps]", 8, "a household has no basic charge"),
        ("[steps]", "[two_part]\ncapacity = 40\ndemand = 30\n[steps]", 9, "nobody would pay less"),
    ],
)
def test_what_is_odd_is_accepted_and_told_with_its_line(old: str, new: str, line: int, told: str) -> None:
    assert old in COMPOSED
    assert warnings(parsed(COMPOSED, "own.toml")) == []
    found = warnings(parsed(COMPOSED.replace(old, new), "own.toml"))
    assert any(each.startswith(f"own.toml:{line}: ") and told in each for each in found), found


def test_what_ships_has_nothing_odd_about_it() -> None:
    shipped = list(files("cloud.policies").joinpath("tariffs").iterdir())
    assert [warnings(parsed(each.read_text("utf-8"), each.name)) for each in shipped] == [[]] * len(shipped)


NUMBER = re.compile(r"(?<![\w\"-])-?\d+(?:\.\d+)?(?![\w\":-])")
TIME = re.compile(r"\d\d:\d\d")
BAND = re.compile(r"\b(?:sharp|peak|flat|valley|deep_valley|months|kwh|funds|floating)\b")
MUTATIONS = {
    NUMBER: [
        "0",
        "-1",
        "0.5",
        "7",
        "13",
        "2026-02-30",
        "1e400",
        "nan",
        "[]",
        "9999999999999999",
        '"x"',
        "true",
    ],
    TIME: ["00:00", "24:00", "08:05", "25:00", "12:00", "11:30", "23:45"],
    BAND: ["sharp", "peak", "valley", "deep_valley", "flat", "months", "days"],
}
TEXTS = {each.name: each.read_text("utf-8") for each in files("cloud.policies").joinpath("tariffs").iterdir()}


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A document that ships with one to three changes: a number, a time, a word, a line lost or twice."""
    text = TEXTS[draw(st.sampled_from(sorted(TEXTS)))]
    for _ in range(draw(st.integers(1, 3))):
        how = draw(st.sampled_from([*MUTATIONS, "lost", "twice", "moved"]))
        if isinstance(how, re.Pattern):
            if places := list(how.finditer(text)):
                place = draw(st.sampled_from(places))
                text = text[: place.start()] + draw(st.sampled_from(MUTATIONS[how])) + text[place.end() :]
            continue
        lines = text.splitlines()
        at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        line = lines[at] if how == "twice" else lines.pop(at)
        if how != "lost":
            lines.insert(to, line)
        text = "\n".join(lines) + "\n"
    return text


def judged(text: str) -> Filed | str:
    try:
        return parsed(text, "own.toml")
    except Invalid as error:
        return str(error)


@given(mutated())
@settings(max_examples=250, deadline=None)
def test_whatever_is_changed_in_a_document_it_is_refused_with_its_line_or_bands_still_fill_every_day(
    text: str,
) -> None:
    filed = judged(text)
    if isinstance(filed, str):
        assert re.match(r"own\.toml:(\d+: | not TOML: .*\(at )", filed), filed
        return
    assert all(re.match(r"own\.toml:\d+: ", each) for each in warnings(filed))
    for plan in filed.document.plans:
        table = plan.table() if plan.windows else None
        for month, kind, label in product(range(1, 13), DayType, LABELS):
            said = plan.priced(month).said().keys() | ({"flat"} if plan.ratios else set())
            day = DayKind(date(2024, month, 1), kind.value, frozenset({label}))
            quarters = np.full(96, Band.FLAT) if table is None else table.quarters(day)
            assert quarters.shape == (96,)
            assert {Band(each).name.lower() for each in np.unique(quarters)} <= said


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"id = ", "not TOML"), (b"\xff\xfe", ":1: not UTF-8"), (b"x = 1\n" * 200_000, "are no tariff")],
)
def test_what_is_no_document_at_all(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "own.toml").write_bytes(content)
    with pytest.raises(Invalid, match=told):
        from_file(tmp_path / "own.toml")


def test_two_documents_of_one_tariff_never_hold_on_the_same_day() -> None:
    newer = GOOD.replace("2026-01-01", "2026-07-01")
    with pytest.raises(
        Invalid, match=r"new\.toml:5: own-household from 2026-07-01 overlaps that of old\.toml"
    ):
        Catalogue([parsed(GOOD, "old.toml"), parsed(newer, "new.toml")])
    ended = GOOD.replace("from = 2026-01-01", "from = 2026-01-01\nto = 2026-07-01")
    both = Catalogue([parsed(ended, "old.toml"), parsed(newer, "new.toml")])
    assert both.in_force("own-household", date(2026, 6, 30)).from_ == date(2026, 1, 1)
    assert both.in_force("own-household", date(2026, 7, 1)).from_ == date(2026, 7, 1)
    with pytest.raises(NotFound, match="no document for 2025-12-31"):
        both.in_force("own-household", date(2026, 1, 1) - timedelta(days=1))


def test_the_stations_own_document_stands_in_place_of_what_ships(tmp_path: Path) -> None:
    text = GOOD.replace("own-household", "zhejiang-household")
    (tmp_path / "zhejiang.toml").write_text(text, encoding="utf-8")
    own = read(tmp_path)
    assert own.documents("zhejiang-household")[0].source == "made up"
    assert own.ids == SHIPPED.ids


def test_an_unknown_tariff_is_told_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'zhejiang-household'"):
        SHIPPED.documents("zhejang-household")
