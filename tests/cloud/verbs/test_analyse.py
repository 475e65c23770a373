"""`wattpost cloud analyse` on real files: told before, one page after, one line for each refusal."""

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, sync_playwright

from cloud.__main__ import main
from tests.programs import require_program
from tests.simbench_station import Station, station
from tests.system.browsing import chromium

FEW = 5
OPENDSM = Path(__file__).parents[2] / "data" / "opendsm"
METER = OPENDSM / "il-electricity-cdd-hdd-hourly.csv.gz"
WEATHER = OPENDSM / "il-electricity-cdd-hdd-tempF.csv.gz"
AMERICAN = ("--unit", "kWh", "--timezone", "America/Chicago", "--country", "US")
YEAR, SPRING = slice(0, 366 * 24), slice(105 * 24, 125 * 24)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """In an empty folder: no station, no settings; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*words: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wattpost cloud", "analyse", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return command


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some days of the sample meter, around the change of the clock."""
    return some_of(METER, SPRING, tmp_path_factory.mktemp("spring"))


def some_of(path: Path, rows: slice, folder: Path) -> Path:
    head, *lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    (folder / path.name).write_bytes(gzip.compress(head + b"".join(lines[rows])))
    return folder / path.name


@pytest.fixture(scope="module")
def year() -> Station:
    return station(12, 1)


def energies(made: Station) -> list[Any]:
    return [pa.array(row / 1000) for row in made.energy_wh]


def test_a_sample_meter_with_its_weather(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    load, weather = (some_of(each, YEAR, tmp_path / "in") for each in (METER, WEATHER))
    code, out, told = run(load, *AMERICAN, "--temperature", weather, "--out", "report.html", "--json")
    assert code == 0, told
    assert "Days: 2015-11-22 … 2016-11-21" in told
    found = json.loads(out)
    assert found["read"]["coverage"] == 1
    degree = found["profile"]["temperature"]
    assert 9 <= degree["heating_below_c"] <= 18
    assert degree["r2"] > 0.7
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Each degree below" in page
    assert found["forecast"]["backtest"]["wape"] > 0.4
    assert "Do not rely on" in page
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in", "report.html"]


def test_a_year_of_an_area_says_the_same_from_csv_and_parquet(
    run: Run, tmp_path: Path, year: Station
) -> None:
    names = [each.meter for each in year.customers[:FEW]]
    rows = (
        f"{label}," + ",".join(f"{value:.6f}" for value in values)
        for label, values in zip(year.labels, (year.energy_wh[:FEW].T / 1000).tolist(), strict=True)
    )
    (tmp_path / "year.csv").write_text("time," + ",".join(names) + "\n" + "\n".join(rows) + "\n")
    at = pa.array(year.at_ms, pa.timestamp("ms", "Europe/Berlin"))
    supply = year.energy_wh[:FEW].sum(axis=0) / 1000 * 1.02
    table = pa.table([at, *energies(year)[:FEW], pa.array(supply)], ["time", *names, "area"])
    pq.write_table(table, tmp_path / "year.parquet")
    german = ("--unit", "kWh", "--country", "DE", "--json")
    code, text, told = run("year.csv", *german, "--timezone", "Europe/Berlin", "--only", "indicators")
    assert code == 0, told
    parts = ("--only", "indicators", "--only", "loss")
    code, columns, told = run("year.parquet", *german, "--area-column", "area", *parts)
    assert code == 0, told
    one, other = json.loads(text), json.loads(columns)
    assert one["read"]["days"] == 366
    assert one["meters"]["coincidence_factor"] == pytest.approx(
        other["meters"]["coincidence_factor"], rel=1e-4
    )
    assert one["indicators"]["mean"] == pytest.approx(other["indicators"]["mean"], rel=1e-3)
    assert other["loss"]["rate"] == pytest.approx(1 - 1 / 1.02, abs=1e-4)
    assert "forecast" not in other


def test_a_meter_of_many_is_looked_at_closely(run: Run, tmp_path: Path, year: Station) -> None:
    part = year.energy_wh[:3, : 96 * 10] / 1000
    at = pa.array(year.at_ms[: 96 * 10], pa.timestamp("ms", "Europe/Berlin"))
    pq.write_table(pa.table([at, *map(pa.array, part)], ["time", "a", "b", "c"]), tmp_path / "x.parquet")
    said = ("x.parquet", "--unit", "kWh", "--country", "DE", "--only", "indicators", "--json")
    code, out, told = run(*said, "--meter", "b")
    assert code == 0, told
    found = json.loads(out)["indicators"]
    assert found["name"] == "b"
    assert found["maximum_kw"] == pytest.approx(float(np.max(part[1])) * 4, rel=1e-4)
    assert run(*said, "--meter", "d")[2].strip().endswith("no meter is called 'd'; there are: a, b, c")


def test_a_file_of_home_has_bands_and_chinese(run: Run, tmp_path: Path) -> None:
    rows = [
        f"2026-03-{day:02} {h:02}:{m:02},{1 + h}"
        for day in range(2, 7)
        for h in range(24)
        for m in (0, 15, 30, 45)
    ]
    (tmp_path / "curve.csv").write_text("时间,电量 [kWh]\n" + "\n".join(rows) + "\n", encoding="gb18030")
    code, out, told = run("curve.csv", "--language", "zh_CN", "--json")
    assert code == 0, told
    assert "taken as those of Asia/Shanghai" in told
    bands = json.loads(out)["indicators"]["bands"]
    assert sum(bands.values()) == pytest.approx(1, abs=1e-5)
    page = (tmp_path / "curve.html").read_text("utf-8")
    assert 'lang="zh-CN"' in page
    assert "分时电量" in page
    assert "从略" in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((METER,), "say which with --timezone, such as America/Chicago"),
        ((METER, "--timezone", "America/Chicago"), "say --unit"),
        ((METER, *AMERICAN, "--interval", "15"), "values are 60 min apart, and --interval says 15"),
        ((METER, *AMERICAN, "--country", "XX"), "--country: 'XX' is not known"),
        ((METER, *AMERICAN, "--area-column", "x"), "--area-column: no meter is called 'x'"),
        ((METER, *AMERICAN, "--timezone", "Moon/Base"), "no time zone is called 'Moon/Base'"),
        ((METER, *AMERICAN, "--temperature", "none.csv"), "none.csv: No such file"),
        (("none.csv",), "none.csv: No such file"),
        ((METER, METER, "--out", "x.html"), "--out names one report"),
        ((METER, *AMERICAN, "--out", "none/x.html"), "none/x.html: there is no such folder"),
        ((METER, *AMERICAN, "--out", "."), ".: it is a folder: the report cannot be written there"),
        ((".",), ".: Is a directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, spring: Path, words: tuple[Any, ...], told: str) -> None:
    code, out, said = run(*(spring if each is METER else each for each in words))
    assert (code, out) == (1, "")
    last = said.strip().splitlines()[-1]
    assert told in last
    assert "Traceback" not in said


def test_two_files_never_share_a_report(run: Run, tmp_path: Path) -> None:
    """Told before anything is read; what is before the kind of a file is in its report's name."""
    hours = "".join(f"2026-03-02 {h:02}:00,{h % 7}\n" for h in range(24))
    for name in ("load.2025.csv", "load.2026.csv", "load.2025.txt"):
        (tmp_path / name).write_text("time,kWh\n" + hours)
    code, _, told = run("load.2025.csv", "load.2025.txt")
    assert (code, "another file would have the same report" in told) == (1, True)
    assert run("load.2025.csv", "load.2026.csv", "--only", "indicators")[0] == 0
    assert {each.name for each in tmp_path.glob("*.html")} == {"load.2025.html", "load.2026.html"}


def test_a_browser_shows_it_without_asking_anybody(run: Run, tmp_path: Path) -> None:
    """On a desk and on a phone, by day and by night: as wide as the window, sorted by a click, silent."""
    times = np.datetime64("2026-03-02T00:00", "s") + np.arange(96 * 30) * np.timedelta64(900, "s")
    load = np.random.default_rng(1).lognormal(0, 0.3, (30, 96 * 30)).astype(np.float32)
    table = pa.table([pa.array(times), *map(pa.array, load)], ["time", *(f"M-{n:02}" for n in range(30))])
    pq.write_table(table, tmp_path / "x.parquet")
    assert run("x.parquet", "--unit", "kWh", "--out", "x.html")[0] == 0
    with sync_playwright() as playwright:
        browser = chromium(playwright, str(require_program("chromium")))
        for width, height, scheme in ((1440, 900, "light"), (360, 740, "dark")):
            looked_at(browser, tmp_path / "x.html", width, height, scheme)
        browser.close()


def looked_at(browser: Browser, path: Path, width: int, height: int, scheme: Any) -> None:
    said: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: said.append(asked.url) if asked.url.startswith("http") else None)
    page.goto(f"file://{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure svg:visible").count() == page.locator("figure").count() > 5
    heading = page.locator("#meters th.sort").nth(1)
    heading.click()
    heading.click()
    cells = page.locator("#meters tbody tr td:nth-child(2)").all_inner_texts()
    energies_kwh = [float(each.replace(",", "")) for each in cells]
    assert energies_kwh == sorted(energies_kwh)
    assert said == []
    context.close()
