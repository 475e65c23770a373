"""`wattpost cloud tiers` as people meet it."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.__main__ import main
from cloud.kit.db import Database
from tests.cloud.tiers.station import LAST, made

Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cloud(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verb:
    """A station of sixty accounts: (exit code, stdout, stderr) of a verb."""
    (tmp_path / "cloud.toml").write_text('data_dir = "."\n')
    database = Database(sqlite_url)
    made(database, accounts=60, months=13)
    database.close()
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wattpost cloud", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_month_is_judged_and_an_account_says_why(cloud: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    month = f"{LAST:%Y-%m}"
    code, out, _ = cloud("tiers", "run", "--month", month, "--json")
    assert (code, json.loads(out)["accounts"]) == (0, 60)
    code, out, _ = cloud("tiers", "show", "T000010", "--json")
    found = {each["axis"]: each for each in json.loads(out)["standings"]}
    assert code == 0
    assert found["value"]["month"] == "2026-10-01"
    assert found["value"]["reasons"]
    monkeypatch.setenv("LC_ALL", "C")
    _, out, _ = cloud("tiers", "show", "T000010")
    assert out.startswith("Tariff class     ")
    assert re.search(r"^Value tier {7}[ABCD]  \(since ", out, re.MULTILINE), out
    assert re.search(
        r"^ {17}– Electricity used in a year: [\d,]+ kWh, ahead of \d+% of comp", out, re.MULTILINE
    )
    assert "→ " in out
    assert not re.search(r"annual_kwh|percentile|input ", out), "words, not the names in the code"
    _, out, _ = cloud("tiers", "show", "T000010", "--lang", "zh_CN")
    assert out.startswith("用电类别")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "X"), "there is no account 'X'"),
        (("run", "--month", "October"), "write a month like 2026-10"),
        (("run", "--month", "2199-01"), "2199-01 is not over"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(cloud: Verb, words: tuple[str, ...], said: str) -> None:
    code, out, err = cloud("tiers", *words)
    assert (code, out) == (1, "")
    assert said in err
