"""`wattpost cloud import registry` with a table of points, as somebody types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud.fleet.point_rows import template
from cloud.kit.errors import Conflict, Invalid
from cloud.settings import write_first
from cloud.verbs.imports import imports


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_first(tmp_path, "示例供电所", "Asia/Shanghai")
    (tmp_path / "points.csv").write_text(template("zh"), encoding="utf-8")
    (tmp_path / "gateways.json").write_text('{"gateway": [{"id": "gw-a01", "name": "示例网关"}]}')
    typed(tmp_path, "gateways.json")
    return tmp_path


def typed(folder: Path, file: str, *more: str) -> Result:
    words = ["registry", str(folder / file), "--config", str(folder / "cloud.toml"), *more]
    return CliRunner().invoke(imports, words)


def test_a_table_is_tried_taken_and_taken_again(folder: Path) -> None:
    tried, done, again = (
        json.loads(typed(folder, "points.csv", "--json", *more).stdout) for more in (["--dry-run"], [], [])
    )
    assert [each["counts"]["added"] for each in (tried, done, again)] == [3, 3, 0]
    assert (tried["dry_run"], again["counts"]["unchanged"]) == (True, 1)


def test_a_dry_run_says_that_it_was_one(folder: Path) -> None:
    assert "nothing was changed" in typed(folder, "points.csv", "--dry-run").stderr
    assert "nothing was changed" not in typed(folder, "points.csv").stderr


def test_a_refused_row_is_named_and_the_command_fails(folder: Path) -> None:
    (folder / "points.csv").write_text(template("en").replace("dlt645-2007-1p", "nix"), encoding="utf-8")
    done = typed(folder, "points.csv")
    assert isinstance(done.exception, Conflict)
    assert "refused, row 2: model: there is no model 'nix'" in done.stderr


@pytest.mark.parametrize("more", [["--as-of", "2999-01-01"], ["--as-of", "x"]])
def test_a_day_that_has_not_come_is_refused(folder: Path, more: list[str]) -> None:
    assert isinstance(typed(folder, "points.csv", *more).exception, Invalid)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_is_printed(language: str) -> None:
    printed = CliRunner().invoke(imports, ["template", "--language", language]).stdout
    assert printed.splitlines() == template(language).splitlines()
