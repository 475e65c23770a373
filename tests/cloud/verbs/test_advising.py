"""`wattpost cloud advise` and `tariff what-if` as people meet them."""

import json
import sys
from pathlib import Path

import pytest

from cloud.__main__ import main
from tests.cloud.tiers.advice.advised_station import AdvisedStation


def test_an_account_is_told_its_money_and_everybody_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    AdvisedStation(tmp_path).close()
    (tmp_path / "cloud.toml").write_text('data_dir = "."\n[station]\ntimezone = "Asia/Shanghai"\n')
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wattpost cloud", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    code, out, err = run("advise", "H-000", "--json")
    assert code == 0, err
    (told,) = [each for each in json.loads(out)["advice"] if each["kind"] == "tou_choice"]
    assert told["formula"].endswith(f" = {told['saving']} CNY")
    code, out, _ = run(
        "tariff", "what-if", "H-000", "--tariff", "zhejiang-household", "--plan", "tou", "--json"
    )
    assert (code, json.loads(out)["saving"]) == (0, told["saving"])
    monkeypatch.setenv("LC_ALL", "C")
    code, out, _ = run("advise", "H-000")
    assert "Another plan for your hours · " in out
    assert "of your energy lies in valley hours: billed by the hour it would have cost less." in out
    assert "tou_choice" not in out
    code, out, _ = run("advise", "--json")
    assert (code, json.loads(out)["accounts"]) == (0, 16)
    code, _, err = run("advise", "F-999")
    assert (code, err.splitlines()[-1]) == (
        1,
        "wattpost cloud: account 'F-999' has no contract today: import one",
    )
