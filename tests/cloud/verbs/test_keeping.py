"""`wattpost cloud backup | restore`, each in a process of its own, which knows only what it loads."""

import json
import subprocess
import sys
from pathlib import Path

from cloud import settings as settings_
from cloud.app import Application
from cloud.keeping import tables
from cloud.records import open_records


def called(*words: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", "cloud", *words]
    return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)


def test_a_backup_made_and_drilled_at_the_command_line_holds_every_table(tmp_path: Path) -> None:
    assert Application.__module__ == "cloud.app.application", "every table is known here"
    config = settings_.write_first(tmp_path / "station", "示例供电所", "Asia/Shanghai")
    open_records(settings_.load(config)).close()
    file = tmp_path / "station.tar.gz"
    made = called("backup", str(file), "-c", str(config), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["tables"] == len(tables.ordered())
    tried = called("restore", str(file), "--drill", "--json")
    assert tried.returncode == 0, tried.stderr
    assert json.loads(tried.stdout)["tables"] == len(tables.ordered())


def test_a_station_is_not_copied_into_itself(tmp_path: Path) -> None:
    config = settings_.write_first(tmp_path, "示例供电所", "Asia/Shanghai")
    refused = called("copy", "--to", str(config), "-c", str(config))
    assert (refused.returncode, "another settings file" in refused.stderr) == (2, True)
