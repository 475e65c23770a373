"""`wattpost cloud import weather`, as somebody types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud.__main__ import app
from cloud.kit.errors import Invalid
from cloud.settings import write_first


def typed(folder: Path, text: str, *more: str) -> Result:
    if not (folder / "cloud.toml").exists():
        write_first(folder, "示例供电所", "Asia/Shanghai")
    file = folder / "t.csv"
    file.write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["import", "weather", str(file), "-c", str(folder / "cloud.toml"), *more])


def test_a_file_is_taken_once(tmp_path: Path) -> None:
    text = "time,celsius\n2026-03-01 08:00,3.5\n2026-03-01 09:00,\n"
    first, again = (json.loads(typed(tmp_path, text, "--json").stdout) for _ in range(2))
    assert first == {"hours": 1, "new": 1, "changed": 0, "empty": 1}
    assert again == {"hours": 1, "new": 0, "changed": 0, "empty": 1}
    assert "1 rows have no temperature" in typed(tmp_path, text).stderr


def test_a_bad_row_takes_nothing_in(tmp_path: Path) -> None:
    done = typed(tmp_path, "time,celsius\n2026-03-01 08:00,3.5\n2026-03-01 09:00,warm\n")
    assert isinstance(done.exception, Invalid)
    assert "row 3, column celsius: 'warm' is no number" in done.exception.problems
    found = typed(tmp_path, "time,celsius\n2026-03-01 08:00,3.5\n", "--json")
    assert json.loads(found.stdout)["new"] == 1


@pytest.mark.parametrize("name", ["no.csv", "."])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    typed(tmp_path, "time,celsius\n2026-03-01 08:00,3.5\n")
    words = ["import", "weather", str(tmp_path / name), "-c", str(tmp_path / "cloud.toml")]
    assert isinstance(CliRunner().invoke(app, words).exception, Invalid)
