"""`wattpost cloud tariff` lists, judges and prices, for people and for machines."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud.__main__ import app
from cloud.kit.errors import CloudError


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["tariff", *words])


def test_a_years_use_has_its_lines() -> None:
    done = run("price", "zhejiang-household", "--kwh", "3000", "--from", "2026-01-01", "--to", "2026-12-31")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "energy   flat               3000 kWh  x       0.538 =      1614.00",
        "step     2                   240 kWh  x        0.05 =        12.00",
        "total                                          =      1626.00",
    ]
    assert "not compared with the notice" in done.stderr


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        (["zhejiang-household", "--from", "2026-03-01"], "2026-03-01", "2027-02-28"),
        (["guizhou-household", "--to", "2026-11-30"], "2025-12-01", "2026-11-30"),
        (["guangzhou-household", "--from", "2028-02-01"], "2028-02-01", "2028-02-29"),
    ],
)
def test_without_days_it_is_the_whole_of_the_steps_cycle(words: Sequence[str], first: str, last: str) -> None:
    told = json.loads(run("price", *words, "--kwh", "10", "--json").stdout)
    assert (told["from"], told["to"]) == (first, last)


def test_for_machines_it_is_one_object_with_total_and_lines() -> None:
    words = (
        "price",
        "guangzhou-household",
        "--kwh",
        "450",
        "--from",
        "2026-01-01",
        "--persons",
        "5",
        "--json",
    )
    told = json.loads(run(*words).stdout)
    assert told["total"] == "272.49"
    assert [line["amount"] for line in told["lines"]] == ["264.99", "7.50"]


def test_all_that_ship_are_listed_with_their_plans() -> None:
    found = json.loads(run("list", "--json").stdout)["tariffs"]
    assert {"id", "from", "source", "plans"} <= found[0].keys()
    assert len(found) == 14


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["zhejang-household", "--kwh", "1"], "did you mean 'zhejiang-household'"),
        (["zhejiang-household", "--kwh", "many"], "--kwh: 'many' is no number"),
        (["zhejiang-household", "--kwh", "-1"], "is no use of energy"),
        (["zhejiang-household", "--kwh", "1", "--plan", "night"], "it has plain, tou, shared"),
        (["zhejiang-household", "--kwh", "1", "--from", "yesterday"], "no day like"),
        (["zhejiang-household", "--kwh", "1", "--from", "2026-02-01", "--to", "2026-01-01"], "is before"),
        (["zhejiang-household", "--kwh", "1", "--from", "2001-01-01"], "no document for 2001-01-01"),
        (["zhejiang-household", "--kwh", "1", "--plan", "tou"], "no price of flat"),
        (["zhejiang-household"], "give either --kwh or a FILE"),
        (["hubei-industry", "--kwh", "1", "--from", "2026-03-01"], "add the month's purchase price"),
    ],
)
def test_what_cannot_be_priced_is_refused_in_one_line(words: Sequence[str], told: str) -> None:
    done = run("price", *words)
    assert isinstance(done.exception, CloudError)
    assert told in str(done.exception)


@pytest.fixture
def july(tmp_path: Path) -> Path:
    """A quarter of a kWh each quarter of an hour: 744 kWh, 7 h a day of them peak, 8 h valley."""
    file = tmp_path / "july.csv"
    start = datetime(2026, 7, 1)
    rows = [f"{start + number * timedelta(minutes=15):%Y-%m-%d %H:%M},0.25" for number in range(31 * 96)]
    file.write_text("\n".join(["time,energy_kwh", *rows, ""]))
    return file


def test_a_load_curve_goes_by_its_hours(july: Path) -> None:
    words = ("price", "guangzhou-household", str(july), "--labels", "begin", "--plan", "tou", "--json")
    told = json.loads(run(*words).stdout)
    assert [(line["what"], line["quantity"], line["amount"]) for line in told["lines"]] == [
        ("peak", "217", "215.92"),
        ("flat", "279", "164.29"),
        ("valley", "248", "56.83"),
        ("2", "340", "17.00"),
        ("3", "144", "43.20"),
    ]
    assert told["total"] == "497.24"


def test_what_a_curve_lacks_is_told_and_not_filled(july: Path) -> None:
    rows = july.read_text().splitlines()
    july.write_text("\n".join([*rows[:50], *rows[60:], ""]))
    told = json.loads(run("price", "zhejiang-household", str(july), "--labels", "begin", "--json").stdout)
    assert told["kwh"] == "741.5"
    assert told["remarks"] == ["10 of 2,976 slots have no value and add nothing"]


def test_a_document_is_judged(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('id = "own"\n', encoding="utf-8")
    done = run("check", str(file))
    assert isinstance(done.exception, CloudError)
    assert str(done.exception).startswith(f"{file}:1: ")


@pytest.fixture
def june(tmp_path: Path) -> list[str]:
    """Two days of 0.25 kWh each quarter of an hour, under Guangdong's bands with prices of their own."""
    shipped = files("cloud.policies") / "tariffs" / "guangdong-industry.toml"
    text = shipped.read_text(encoding="utf-8")
    ratios = next(line for line in text.splitlines() if line.startswith("ratios"))
    own = tmp_path / "policies" / "tariffs" / "guangdong-industry.toml"
    own.parent.mkdir(parents=True)
    prices = "prices = [{ sharp = 2, peak = 1.5, flat = 1, valley = 0.5 }]"
    own.write_text(text.replace(ratios, prices), encoding="utf-8")
    start = datetime(2026, 6, 1)
    rows = [f"{start + number * timedelta(minutes=15):%Y-%m-%d %H:%M},0.25" for number in range(2 * 96)]
    curve = tmp_path / "june.csv"
    curve.write_text("\n".join(["time,energy_kwh", *rows, ""]))
    words = ["price", "guangdong-industry", str(curve), "--labels", "begin", "--json"]
    return [*words, "--policies", str(tmp_path / "policies")]


def test_a_hot_day_has_bands_of_its_own_where_its_temperature_is_given(
    june: list[str], tmp_path: Path
) -> None:
    weather = tmp_path / "weather.csv"
    hours = [datetime(2026, 6, 1) + timedelta(hours=number) for number in range(48)]
    rows = [f"{at:%Y-%m-%d %H:%M},{36 if at.hour == 14 and at.day == 1 else 25}" for at in hours]
    weather.write_text("\n".join(["time,celsius", *rows, ""]))
    told = json.loads(run(*june, "--weather", str(weather)).stdout)
    assert {line["what"]: line["quantity"] for line in told["lines"]}["sharp"] == "3"
    assert told["kwh"] == "48"
    assert told["remarks"] == []


def test_without_temperatures_days_that_may_be_hot_are_told(june: list[str]) -> None:
    told = json.loads(run(*june).stdout)
    assert "sharp" not in {line["what"] for line in told["lines"]}
    assert any("2 of 2 days may be hot-35 days" in remark for remark in told["remarks"])
