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
from cloud.verbs.words import width

JANUARY = ["hubei-industry", "--kwh", "flat=10000", "--from", "2026-01-01"]


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["tariff", *words], env={"LC_ALL": "C"})


FACTORY = [
    "price", "hubei-industry", "--from", "2026-01-01", "--kwh", "sharp=12000", "--kwh", "peak=30000",
    "--kwh", "flat=140000", "--kwh", "valley=98000", "--capacity", "800", "--contracted", "480",
    "--demand", "520", "--standard", "0.90", "--reactive", "125000",
]  # fmt: skip


def test_a_years_use_has_its_lines() -> None:
    done = run("price", "zhejiang-household", "--kwh", "3000", "--from", "2026-01-01", "--to", "2026-12-31")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "Energy, flat   3,000 kWh × 0.538 = 1,614.00",
        "Step 2, added    240 kWh ×  0.05 =    12.00",
        "  what is above 2,760 kWh of the year",
        "───────────────────────────────────────────",
        "Total                              1,626.00",
    ]
    assert "Zhejiang household · own meter, one price" in done.stderr
    assert "not compared with the notice" in done.stderr


def test_a_factorys_bill_shows_how_each_price_came_about() -> None:
    """By hand: 800 kVA x 260 = 208,000 kWh < 280,000, so 42 x 0.9; 520 - 1.05 x 480 = 16 kW at double;
    cos 280/sqrt(280^2 + 125^2) = 0.913; (187,760.41 energy - 0.0452 x 280,000 + 19,353.60) x -0.15 %."""
    lines = run(*FACTORY).stdout.splitlines()
    assert [line.split(" = ")[-1].strip() for line in lines if " = " in line and line[0] != " "] == [
        "12,599.99", "25,468.83", "91,264.04", "42,426.55", "18,144.00", "1,209.60", "-267.69"
    ]  # fmt: skip
    assert lines[-2].split() == ["Total", "190,845.32"]
    assert "  (0.38447 + 0.013643) × 2 + 0.1263 + 0.082273 + 0.0452, as the notice prints it" in lines
    assert "  per kW contracted, 42 × 0.9, 350.0 kWh of each kVA were used: discount" in lines
    assert any(line.startswith("  cos φ 0.91 of 280,000 kWh and 125,000 kvarh") for line in lines)
    assert "losses upstream 0.013643; fixed" in lines[-1]
    told = json.loads(run(*FACTORY, "--json").stdout)
    assert (told["total"], len(told["lines"]), told["remarks"]) == ("190845.32", 7, [])


def test_columns_stand_below_one_another_in_chinese_too() -> None:
    lines = run(*FACTORY, "--lang", "zh_CN").stdout.splitlines()
    assert lines[0].startswith("电量电费（尖段）")
    rows = [line for line in lines if " × " in line and line[0] != " "]
    assert len({width(row[: row.index(" × ")]) for row in rows}) == 1
    assert {width(row) for row in rows} == {width(lines[-2])} == {width(lines[-3])}
    assert CliRunner().invoke(app, ["tariff", *FACTORY], env={"LC_ALL": "zh_CN.UTF-8"}).stdout == "\n".join(
        [*lines, ""]
    )


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--capacity", "400"], ("Basic charge by capacity", "10,520.00")),
        (["--capacity", "400", "--share", "0.5"], ("Basic charge by capacity", "5,260.00")),
        (["--capacity", "400", "--demand", "300"], ("Basic charge by demand", "12,600.00")),
        (["--capacity", "400", "--demand", "300", "--contracted", "290"], ("Basic charge by c", "12,180.00")),
        (["--standard", "90", "--power-factor", "0.64"], ("Power-factor adjustment", "1,031.37")),
        (["--standard", "0.85", "--power-factor", "0.85"], ("Power-factor adjustment", "0.00")),
        (["--standard", "0.8", "--power-factor", "1"], ("Power-factor adjustment", "-78.87")),
        (["--voltage", "10 kV"], ("Energy, flat", "6,518.86")),
    ],
)
def test_what_an_engineer_asks_of_it(more: list[str], line: tuple[str, str]) -> None:
    """On 10,000 kWh: 6,518.86 CNY, 452.00 of it funds; 17 %, 0 and -1.30 % of 6,066.86."""
    done = run("price", "hubei-industry", "--from", "2026-01-01", "--kwh", "flat=10000", *more)
    assert done.exit_code == 0, done.exception
    assert any(row.startswith(line[0]) and row.endswith(f" {line[1]}") for row in done.stdout.splitlines())


def test_a_load_curve_says_its_demand_itself(tmp_path: Path) -> None:
    """A day of 0.25 kWh a quarter of an hour, and 5 kWh in one: 20 kW."""
    start = datetime(2026, 1, 1)
    rows = [f"{start + n * timedelta(minutes=15):%Y-%m-%d %H:%M},{5 if n == 40 else 0.25}" for n in range(96)]
    file = tmp_path / "january.csv"
    file.write_text("\n".join(["time,energy_kwh", *rows, ""]))
    words = [str(file), "--labels", "begin", "--capacity", "30", "--basis", "demand", "--json"]
    told = json.loads(run("price", "hubei-industry", *words).stdout)
    assert [line["quantity"] for line in told["lines"] if line["kind"] == "basic"] == ["20"]
    assert any("the meter's own window slides" in each for each in told["remarks"])


def test_what_is_fed_in_is_taken_off_where_the_document_has_its_price(tmp_path: Path) -> None:
    shipped = (files("cloud.policies") / "tariffs" / "guangdong-household.toml").read_text(encoding="utf-8")
    own = tmp_path / "tariffs" / "guangdong-household.toml"
    own.parent.mkdir()
    own.write_text(f'{shipped}\n[[surplus]]\nfrom = 2025-01-01\nprice = 0.4\nsource = "made up"\n')
    words = ["price", "guangdong-household", "--kwh", "100", "--from", "2026-01-01", "--surplus", "50"]
    told = json.loads(run(*words, "--json", "--policies", str(tmp_path)).stdout)
    assert [(each["kind"], each["amount"]) for each in told["lines"]] == [
        ("energy", "58.89"),
        ("surplus", "-20.00"),
    ]
    assert (told["total"], told["kwh"]) == ("38.89", "100")
    lines = run(*words, "--policies", str(tmp_path)).stdout.splitlines()
    assert lines[2].split() == ["Surplus", "fed", "in", "50", "kWh", "×", "-0.4", "=", "-20.00"]
    assert "--surplus: its document has no price of it" in str(run(*words).exception)


def test_the_price_of_another_voltage_is_another_plan() -> None:
    done = run("price", "zhejiang-household", "--kwh", "1", "--plan", "shared", "--voltage", "10 kV")
    assert str(done.exception) == (
        "--voltage: zhejiang-household, plan shared, is for 不满1千伏: take plan shared-10kv"
    )
    words = ("--kwh", "100", "--plan", "shared-10kv", "--voltage", "10 kV", "--json")
    assert json.loads(run("price", "zhejiang-household", *words).stdout)["total"] == "53.80"


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


def test_a_line_of_two_seasons_names_both_limits() -> None:
    words = ("guangzhou-household", "--kwh", "900", "--from", "2026-10-15", "--to", "2026-11-20")
    lines = run("price", *words).stdout.splitlines()
    assert "  what is above 260 kWh of the month / what is above 200 kWh of the month" in lines


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
    lines = run("list", "--lang", "zh_CN").stdout.splitlines()
    assert lines[0].endswith("北京居民生活用电")
    assert "  shared       合表用户" in lines


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["zhejang-household", "--kwh", "1"], "did you mean 'zhejiang-household'"),
        (["zhejiang-household", "--kwh", "many"], "--kwh: 'many' is no number"),
        (["zhejiang-household", "--kwh", "-1"], "no use of energy"),
        (["zhejiang-household", "--kwh", "1", "--kwh", "2"], "each needs its band"),
        (["guangzhou-household", "--kwh", "peek=1", "--plan", "tou"], "did you mean 'peak'"),
        (["guangzhou-household", "--kwh", "1", "--voltage", "warm"], "names no voltage"),
        (
            ["zhejiang-household", "--kwh", "1", "--capacity", "800", "--standard", "0.9"],
            "there is no basic charge on it; --standard: a household has no power-factor adjustment: leave",
        ),
        ([*JANUARY, "--persons", "5", "--before", "3"], "--before: there are no steps; --persons: it has no"),
        ([*JANUARY, "--demand", "300"], "--capacity: a basic charge needs"),
        ([*JANUARY, "--capacity", "400", "--basis", "demand"], "--demand: 2026-01: say the month's highest"),
        ([*JANUARY, "--capacity", "0"], "0 kVA is nothing to bill"),
        ([*JANUARY, "--capacity", "400", "--contracted", "100", "--demand", "9"], "at least 160"),
        ([*JANUARY, "--capacity", "400", "--basis", "capacity", "--demand", "9"], "has no use with --basis"),
        ([*JANUARY, "--capacity", "400", "--share", "1.5"], "no part of a month"),
        ([*JANUARY, "--standard", "0.88", "--power-factor", "1"], "there are 0.90, 0.85 and 0.80"),
        ([*JANUARY, "--power-factor", "0.9"], "--standard: say 0.90 (high-voltage industry"),
        ([*JANUARY, "--standard", "0.9", "--power-factor", "0.905"], "in hundredths"),
        ([*JANUARY, "--standard", "0.9"], "either --reactive"),
        ([*JANUARY, "--standard", "0.9", "--reactive", "2026-02=1"], "2026-02 is none of the months"),
        ([*JANUARY, "--voltage", "110 kV"], "is for 1-10（20）千伏: 110 kV needs a document of its own"),
        ([*JANUARY, "--voltage", "high"], "no voltage like '10 kV'"),
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


def test_what_is_odd_in_a_document_is_told_with_its_line_and_is_no_mistake(tmp_path: Path) -> None:
    shipped = (files("cloud.policies") / "tariffs" / "guangdong-household.toml").read_text(encoding="utf-8")
    file = tmp_path / "own.toml"
    file.write_text(shipped.replace("[0.05, 0.30]", "[0.30, 0.05]"), encoding="utf-8")
    done = run("check", str(file))
    line = shipped[: shipped.index("adders")].count("\n") + 1
    assert done.exit_code == 0
    assert f"{file}:{line}: warning: 0.30, 0.05 do not rise" in done.stderr
    assert "is sound, with 1 to look at" in done.stdout
    assert len(json.loads(run("check", str(file), "--json").stdout)["warnings"]) == 1


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
