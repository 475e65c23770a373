"""`wattpost cloud archive | verify | rebuild` as people meet them."""

import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloud.__main__ import main
from cloud.kit.db import Database
from cloud.metering.archive import due
from cloud.metering.sqlite.store import SqliteStore
from tests.cloud.metering.archive.village import DAY, SHANGHAI, Village, everything


class Cloud:
    """Runs a verb in a station's folder: (exit code, what stdout said, what stderr said)."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._patch, self._capture = folder, patch, capture

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._patch.chdir(self.folder)
        self._patch.setattr(sys, "argv", ["wattpost cloud", *words])
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capture.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    def told(self, *words: str) -> dict[str, Any]:
        code, out, err = self(*words, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found


@pytest.fixture
def cloud(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cloud:
    """A station with one archived day's worth of readings in its store."""
    (tmp_path / "cloud.toml").write_text('data_dir = "."\n')
    village = Village(tmp_path, sqlite_url)
    village.poll("M-1", DAY)
    village.validate("M-1", DAY, 1.0)
    village.close()
    return Cloud(tmp_path, monkeypatch, capsys)


def test_a_day_is_archived_verified_and_rebuilt(cloud: Cloud) -> None:
    done = cloud.told("archive", "--from", "2026-03-05")
    assert (done["days"], done["files"], done["months"]) == (1, 5, 5)
    assert cloud.told("archive", "--from", "2026-03-05", "--to", "2026-03-06")["files"] == 0
    assert cloud.told("verify")["faults"] == []
    assert cloud.told("rebuild", "--into", "again") == {"values": 288}
    with (
        closing(SqliteStore(cloud.folder / "again/readings.db")) as again,
        closing(SqliteStore(cloud.folder / "readings.db")) as there,
    ):
        assert everything(again) == everything(there)
    assert not list(cloud.folder.rglob("rebuild.done"))


def test_every_fault_is_named_and_the_exit_code_says_so(cloud: Cloud) -> None:
    cloud.told("archive", "--from", "2026-03-05", "--area", "A01")
    (damaged,) = (cloud.folder / "archive/final/A01").glob("2026-03.r*.parquet")
    damaged.write_bytes(damaged.read_bytes().replace(b"PAR1", b"PAR2"))
    (cloud.folder / "archive/strange.txt").write_text("?")
    code, out, err = cloud("verify")
    assert code == 1
    assert "2 faults" in out
    assert "final/A01/2026-03.r2.parquet: is damaged" in err
    assert "strange.txt: is not in the manifest" in err
    code, out, err = cloud("rebuild")
    assert (code, out) == (1, "")
    assert "holds readings already" in err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--from", "yesterday"), 2, "2026-03-01"),
        (("--to", "9000-01-01"), 1, "not over yet"),
        (("--from", "2026-03-05", "--to", "2026-03-04"), 1, "is before"),
    ],
)
def test_days_that_are_none_are_told_in_one_line(
    cloud: Cloud, words: tuple[str, ...], code: int, told: str
) -> None:
    ended, out, err = cloud("archive", *words)
    assert (ended, out) == (code, "")
    assert told in err


def test_a_day_older_than_the_archive_is_kept_is_not_made_again_of_what_is_left(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hours are kept for longer: an archive of nothing would take their place."""
    monkeypatch.setenv("WATTPOST_RETENTION__ARCHIVE_DAYS", "30")
    code, out, err = cloud("archive", "--from", "2026-03-05")
    assert (code, out) == (1, "")
    assert "older than retention.archive_days = 30" in err


def test_imported_days_and_those_a_registry_tells_of_late_are_archived_again(cloud: Cloud) -> None:
    cloud.told("archive", "--from", "2026-03-05")
    line = {"meter": "M-2", "at_ms": 1_772_700_000_000, "source": "import", "values": {"power_w": 5}}
    (cloud.folder / "more.jsonl").write_text(json.dumps(line) + "\n")
    assert cloud.told("import", "readings", "more.jsonl") == {"readings": 1}
    with closing(Database(f"sqlite:///{cloud.folder / 'records.db'}")) as database:
        with database.read() as connection:
            assert due.marks(connection) == {DAY: 2}  # before it was there, and after
        with database.write() as connection:
            since, now = datetime(2026, 3, 5, 3, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC)
            due.mark_since(connection, since, now, SHANGHAI)
            assert due.marks(connection) == {DAY: 3}
    assert cloud.told("archive", "--from", "2026-03-05")["files"] == 2
