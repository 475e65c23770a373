"""`export` and `import intervals` at the command line: data on stdout, one line for a mistake."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud.__main__ import main
from tests.cloud.conftest import REGISTRY
from tests.cloud.exchange.place import VECTORS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A station of its own; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(*words: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wattpost cloud", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    assert command("init", ".")[0] == 0
    (tmp_path / "registry.json").write_text(json.dumps(REGISTRY))
    assert command("import", "registry", "registry.json")[0] == 0
    return command


def test_from_a_dry_run_to_a_file_for_others(run: Run, tmp_path: Path) -> None:
    path = VECTORS / "long_end_german.csv"
    code, report, _ = run("import", "intervals", path, "--dry-run")
    assert code == 0
    assert "labelled by end: there is a 24:00, which only an end can be" in report
    told = json.loads(run("import", "intervals", path, "--dry-run", "--json")[1])
    assert (told["intervals"], told["meters"][0]["total_kwh"]) == (192, 56.832)
    assert json.loads(run("import", "intervals", path, "--json")[1])["readings"] == 193
    code, out, err = run("import", "intervals", path)
    assert (code, out) == (0, "0 readings\n")
    assert "nothing was written" in err
    period = ("--from", "2026-03-01", "--to", "2026-03-02")
    for format in ("csv", "xlsx", "parquet", "espi", "iec61968"):  # noqa: A001
        done = json.loads(
            run("export", "--meter", "M-1", *period, "--format", format, "-o", format, "--json")[1]
        )
        assert done["meters"] == 1
        assert done["rows"] in {192, 192 + 192}
        assert (tmp_path / format).stat().st_size > 1000
    assert (tmp_path / "csv").read_text("utf-8-sig").splitlines()[1].split(",")[3:7] == [
        "2026-03-01T00:00:00+08:00", "2026-03-01T00:15:00+08:00", "100", "",
    ]  # fmt: skip


def test_a_mistake_is_one_line_and_leaves_no_file(run: Run, tmp_path: Path) -> None:
    code, out, err = run("import", "intervals", VECTORS / "wide_96_begin.csv")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "--unit" in err
    before = sorted(tmp_path.iterdir())
    period = ("--from", "2026-03-01", "--to", "2026-03-02")
    assert run("export", "--meter", "M-9", *period, "-o", "x.csv")[0] == 1
    assert run("export", "--meter", "M-1", "--from", "yesterday", "--to", "2026-03-02", "-o", "x.csv")[0] == 2
    assert sorted(tmp_path.iterdir()) == before
