"""`wattpost cloud report` as people meet it."""

import json
import sys
from pathlib import Path

import pytest

from cloud.__main__ import main
from cloud.kit.db import Database
from tests.cloud.tiers import station


def test_a_report_is_written_where_none_was_issued_and_a_month_is_issued_to_all_it_is_promised_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'records.db'}")
    database.migrate()
    station.made(database, accounts=12, months=2)
    database.close()
    (tmp_path / "cloud.toml").write_text('data_dir = "."\n[station]\ntimezone = "Asia/Shanghai"\n')
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wattpost cloud", "report", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    code, out, err = run("T000005", "2026-10", "--out", "october.html", "--language", "en", "--json")
    assert (code, json.loads(out)["revision"]) == (0, None), err
    assert "Not issued: as it stands now" in (tmp_path / "october.html").read_text()
    code, out, _ = run("--all", "2026-10", "--json")
    assert (code, json.loads(out)["accounts"]) == (0, 0)
    for words, told in (
        (("T000005", "2026-10"), "--out FILE"),
        (("T000005", "october", "--out", "x"), "write one like 2026-10"),
        (("nobody", "2026-10", "--out", "x"), "nobody"),
        (("T000005", "2026-10", "--out", "no/such/x.html"), "--out no/such/x.html"),
        (("T000005", "2026-10", "--out", "x", "--revision", "2"), "no report of 2026-10"),
        (("T000005", "--all", "2026-10"), "--all issues to every account"),
    ):
        code, _, err = run(*words)
        assert (code, told in err) == (1, True), err
