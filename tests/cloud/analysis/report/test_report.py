"""What a report says and leaves out; its pictures; its words in both languages; what machines get."""

import ast
import base64
import json
import re
import zlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

import cloud.analysis.report
from cloud.analysis.grid import day_grid
from cloud.analysis.report import numbers, svg
from cloud.analysis.report.build import Part, Report, report
from cloud.analysis.report.given import Given
from cloud.analysis.report.words_zh import ZH
from cloud.insight.bands import station_bands
from cloud.kit.calendar import Calendar
from cloud.kit.days import midnight

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 3, 2)


def curves(days: int, meters: int = 1, seed: int = 1) -> NDArray[np.float32]:
    """Wh of quarter-hours: a base, an evening peak, noise."""
    random = np.random.default_rng(seed)
    clock = np.arange(96 * days) % 96
    evening = 300 * np.exp(-(((clock - 76) / 8.0) ** 2))
    return ((50 + evening) * random.lognormal(0, 0.2, (meters, 96 * days))).astype(np.float32)


def about(
    wh: NDArray[np.float32], area: int | None = None, celsius: NDArray[np.float32] | None = None
) -> Given:
    start = round(midnight(FIRST, SHANGHAI).timestamp())
    starts_ms = (start + np.arange(wh.shape[1], dtype=np.int64) * 900) * 1000
    names = tuple(f"M-{row}" for row in range(len(wh)))
    grid = day_grid(starts_ms, 900, SHANGHAI)
    return Given(
        "x.csv", names, wh, starts_ms, 900, SHANGHAI, grid, Calendar(), area_meter=area, celsius=celsius
    )


def left_out(made: Report, key: str) -> str:
    section = made.figures[key]
    assert isinstance(section, dict)
    return str(section.get("left_out", ""))


def test_a_day_alone_makes_a_report_that_says_what_it_leaves_out() -> None:
    made = report(about(curves(1)), "en")
    assert "needs 21 whole days, and there are 1" in left_out(made, "forecast")
    assert "Every day at a glance" in made.html
    assert json.loads(json.dumps(made.figures, allow_nan=False)) == made.figures


def test_of_few_days_nothing_is_said_of_what_is_usual() -> None:
    made = report(about(curves(1)), "en", [Part.INDICATORS])
    assert "Few whole days (1)" in made.html
    assert "Change from day to day" not in made.html
    assert "The poorest day" not in made.html
    assert "Few whole days" not in report(about(curves(28)), "en", [Part.INDICATORS]).html


def test_a_forecast_that_is_worth_nothing_says_so() -> None:
    random = np.random.default_rng(5)
    erratic = (random.random((1, 96 * 90)) < 0.05).astype(np.float32) * 1000
    warned = report(about(erratic), "en", [Part.FORECAST])
    forecast, steady = warned.figures["forecast"], report(about(curves(90)), "en").figures["forecast"]
    assert isinstance(forecast, dict)
    assert isinstance(steady, dict)
    assert forecast["warnings"][0].startswith("Do not rely on")
    assert "Do not rely on" in warned.html
    assert steady["warnings"] == []


def test_a_load_that_leaps_about_is_told_by_its_mean() -> None:
    random = np.random.default_rng(5)
    erratic = (random.random((1, 96 * 60)) < 0.03).astype(np.float32) * 1000
    page = report(about(erratic), "en", [Part.INDICATORS]).html.replace("\u00a0", " ")
    mean = float(erratic.sum()) / 1000 / 60
    assert f"of all {svg.shown(mean)} kWh" in page


def test_bands_are_by_the_table_of_their_days() -> None:
    bands = station_bands()
    older = about(curves(30))
    given = replace(older, tables=bands.tables, bands=bands.slots(older.grid))
    page = report(given, "en", [Part.INDICATORS]).html
    in_force = [each for each in bands.tables if each.since <= FIRST]
    later = [each for each in bands.tables if each.since > given.days[-1]]
    assert f"“{in_force[-1].name}”" in page
    assert later
    assert not any(each.name in page for each in later)


def test_nothing_but_holes_is_no_zero() -> None:
    wh = curves(30)
    wh[:] = np.nan
    wh[0, 5] = 100
    made = report(about(wh), "en")
    assert "95 %" in left_out(made, "indicators")
    assert "nan" not in re.sub(r"base64,\S+", "", made.html).lower().replace("isnan", "")


def test_a_sum_is_not_known_where_one_of_its_meters_is_missing() -> None:
    wh = curves(30, 3)
    wh[1, 96:192] = np.nan
    figures = report(about(wh), "en", [Part.INDICATORS]).figures["indicators"]
    assert isinstance(figures, dict)
    assert (figures["days"], figures["days_in_file"]) == (29, 30)
    wh[1] = np.nan
    assert "nothing can be added up" in left_out(report(about(wh), "en"), "load")


def test_many_meters_are_compared_and_grouped() -> None:
    wh = np.concatenate([curves(40, 6), np.roll(curves(40, 6, 2), 40, axis=1)])
    made = report(about(wh), "en")
    meters, profile = made.figures["meters"], made.figures["profile"]
    assert isinstance(meters, dict)
    assert isinstance(profile, dict)
    assert 0.3 < meters["coincidence_factor"] < 0.9
    of_meter = profile["shapes"]["of_meter"]
    assert len(of_meter) == 12
    assert {of_meter[f"M-{n}"] for n in range(6)}.isdisjoint({of_meter[f"M-{n}"] for n in range(6, 12)})


def test_the_loss_names_where_to_look_and_nobody() -> None:
    """One of 20 meters registers half: the area meter sees all of it."""
    days = 120
    random = np.random.default_rng(3)
    own = curves(days, 20) * np.repeat(random.lognormal(0, 0.4, (20, days)), 96, axis=1).astype(np.float32)
    supply = own.sum(axis=0) * np.float32(1.03)
    own[7] *= np.float32(0.5)
    made = report(about(np.vstack([own, supply]), area=20), "en", [Part.LOSS])
    loss = made.figures["loss"]
    assert isinstance(loss, dict)
    assert loss["worth_a_look"][0]["meter"] == "M-7"
    assert loss["days"] == days
    assert not re.search(r"theft|thief|steal", made.html, re.IGNORECASE)


def test_a_missing_meter_is_not_loss() -> None:
    own = curves(10, 3)
    supply = own.sum(axis=0)
    own[1, ::96] = np.nan
    made = report(about(np.vstack([own, supply]), area=3), "en", [Part.LOSS])
    assert "nothing is said" in left_out(made, "loss")


def test_a_degree_costs_what_it_was_made_to_cost() -> None:
    days = 200
    cold = 10 + 10 * np.sin(np.arange(days) / 200 * 2 * np.pi)
    daily_kwh = 10 + 1.5 * np.maximum(0, 14 - cold)
    wh = np.repeat(daily_kwh / 96 * 1000, 96)[None].astype(np.float32)
    given = about(wh, celsius=np.repeat(cold, 96).astype(np.float32))
    profile = report(given, "en", [Part.PROFILE]).figures["profile"]
    assert isinstance(profile, dict)
    assert profile["temperature"]["heating_kwh_per_c"] == pytest.approx(1.5, rel=0.05)


def test_the_forecast_is_scored_on_days_it_did_not_know() -> None:
    found = report(about(curves(90)), "en", [Part.FORECAST]).figures["forecast"]
    assert isinstance(found, dict)
    assert found["day"] == "2026-05-31"
    assert found["backtest"]["days"] == 28
    assert 0.1 < found["backtest"]["wape"] < 0.25
    assert 0.7 < found["backtest"]["coverage"] < 0.9
    bounds = zip(found["p10_kw"], found["p50_kw"], found["p90_kw"], strict=True)
    assert all(low <= middle <= high for low, middle, high in bounds)


def test_the_page_holds_everything_itself() -> None:
    made = report(about(curves(30, 3)), "en")
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", made.html)
    assert "http" not in re.sub(r"base64,\S+", "", made.html)
    assert report(about(curves(2)), "en").html.count("<script>") == 1


def test_names_out_of_a_file_stay_text() -> None:
    given = about(curves(30, 2))
    odd = Given(
        "<b>.csv", ("<script>alert(1)</script>", "b"), given.wh, given.starts_ms, 900, SHANGHAI, given.grid,
        given.calendar,
    )  # fmt: skip
    assert "<script>alert" not in report(odd, "en").html


def said() -> set[str]:
    found = set()
    folder = Path(cloud.analysis.report.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node, "func", None)
            is_say = getattr(name, "id", getattr(name, "attr", "")) == "t"
            if isinstance(node, ast.Call) and is_say and node.args and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found | {text for each in numbers.SAID for text in (each.name, each.sentence)}


def test_every_text_has_its_chinese_with_the_same_holes() -> None:
    holes = re.compile(r"\{(\w+)\}")
    assert sorted(said() - ZH.keys()) == []
    assert {
        each for each, zh in ZH.items() if sorted(holes.findall(each)) != sorted(holes.findall(zh))
    } == set()


def test_the_report_in_chinese_has_no_english_sentence() -> None:
    made = report(about(curves(40, 3)), "zh_CN")
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]*>", " ", made.html, flags=re.DOTALL)
    assert not re.findall(r"\b(?:the|of|and|days)\b", text)


def test_a_picture_has_its_rows_and_its_holes() -> None:
    values = np.array([[0.0, 1.0], [np.nan, 2.0]])
    raw = base64.b64decode(svg.picture(values, 0, 2, svg.CIVIDIS).partition(",")[2])
    at = raw.index(b"IDAT")
    size = int.from_bytes(raw[at - 4 : at], "big")
    pixels = zlib.decompress(raw[at + 4 : at + 4 + size])
    assert list(pixels) == [0, 1, 32, 0, 0, 64]


def test_a_line_breaks_at_a_hole() -> None:
    plot = svg.Plot(300, 100, (0, 3), (0, 10))
    plot.line(np.arange(4.0), np.array([1.0, np.nan, 3.0, 4.0]), "a")
    assert plot.parts[0].count("M") == 2


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(0, 10, ["0", "2", "4", "6", "8", "10"]), (0, 0.3, ["0.0", "0.1", "0.2", "0.3"]), (5, 5, ["5.00"])],
)
def test_ticks_are_round_numbers(low: float, high: float, labels: list[str]) -> None:
    assert [each.label for each in svg.ticks(low, high)] == labels


def test_a_number_has_three_digits_that_count() -> None:
    numbers_ = [0.0, 0.01234, 1.005, 12.34, 1234.5, float("nan")]
    assert [svg.shown(each) for each in numbers_] == ["0", "0.0123", "1.00", "12.3", "1,234", "—"]
