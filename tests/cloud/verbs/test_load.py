"""`wattpost cloud load` as people meet it."""

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from cloud.__main__ import main
from tests.cloud.metering.archive.village import DAY, POINTS, Village

Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cloud(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verb:
    """A station with a day in each of two months archived: (exit code, stdout, stderr) of a verb."""
    (tmp_path / "cloud.toml").write_text('data_dir = "."\n')
    village = Village(tmp_path, sqlite_url)
    for day in (DAY, date(2026, 4, 1)):
        for point in POINTS:
            village.validate(point, day)
        village.archive_days(day)
    village.close()
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wattpost cloud", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_past_is_reckoned_once(cloud: Verb) -> None:
    code, out, _ = cloud("load", "--from", "2026-03-01", "--to", "2026-04-30", "--json")
    done = json.loads(out)
    assert (code, done["area_months"], done["point_days"]) == (0, 4, 8)
    _, out, _ = cloud("load", "--from", "2026-03-01", "--to", "2026-04-30", "--json")
    assert json.loads(out)["area_months"] == 0


def test_a_damaged_file_is_named_and_the_rest_is_done(cloud: Verb, tmp_path: Path) -> None:
    next(tmp_path.glob("archive/final/A02/2026-03*.parquet")).write_bytes(b"")
    code, _, err = cloud("load", "--from", "2026-03-01", "--to", "2026-04-30")
    assert code == 1
    assert "A02 2026-03-01 to 2026-03-31: " in err
    assert "wattpost cloud verify" in err
    _, out, _ = cloud("load", "--from", "2026-04-01", "--to", "2026-04-30", "--json")
    assert json.loads(out)["area_months"] == 0  # it was done with the other month's refusal


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [("soon", "2026-03-31", "write days like 2026-06-01"), ("2026-03-31", "2026-03-01", "is before --from")],
)
def test_days_that_are_none_are_refused_in_one_line(cloud: Verb, first: str, last: str, told: str) -> None:
    code, _, err = cloud("load", "--from", first, "--to", last)
    assert code == 1
    assert told in err
    assert len(err.strip().splitlines()) == 1
