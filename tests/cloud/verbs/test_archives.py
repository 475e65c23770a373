"""`wattpost cloud archive`: what cannot be meant is told in one clear line."""

from pathlib import Path

from typer.testing import CliRunner

from cloud import settings as settings_
from cloud.__main__ import app
from cloud.kit.errors import NotFound


def test_an_area_that_is_not_there_is_told(tmp_path: Path) -> None:
    config = settings_.write_first(tmp_path, "示例供电所", "Asia/Shanghai")
    done = CliRunner().invoke(app, ["archive", "--area", "no-such", "-c", str(config)])
    assert isinstance(done.exception, NotFound)
    assert "no-such" in str(done.exception)
