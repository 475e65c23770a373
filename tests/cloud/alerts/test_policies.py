"""A policy changes while the service runs: a good one comes into force, a wrong one is told, none stops."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from cloud.alerts import store
from cloud.alerts.actions import Alarms
from cloud.alerts.notify import Notices
from cloud.alerts.policies import PolicyWatch
from cloud.alerts.policy import alert_policy, notice_policy
from cloud.kit.db import Database
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.parts import tariff_catalogue
from tests.clocks import ManualClock

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
DOCUMENT = files("cloud.policies").joinpath("tariffs/beijing-household.toml").read_text(encoding="utf-8")


class Edited:
    """A station whose own tariff is edited; every edit is seen, however fast it follows."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.file = folder / "tariffs" / "own.toml"
        self.file.parent.mkdir(parents=True)
        self.database, self._at = database, 0
        self.write(DOCUMENT)
        self.tariffs: Current[Catalogue] = Current(tariff_catalogue, folder, ["tariffs"])
        alarms = Alarms(alert_policy(), Notices(notice_policy(), []))
        self.watch = PolicyWatch([self.tariffs], alarms, database, ManualClock(NOW))

    def write(self, text: str) -> None:
        self._at += 10**9
        self.file.write_text(text, encoding="utf-8")
        os.utime(self.file, ns=(self._at, self._at))

    def limits(self) -> list[int]:
        steps = self.tariffs.value.in_force("beijing-household", NOW.date()).steps
        assert steps is not None
        return [int(each) for each in steps.limits[0].kwh]

    def told(self) -> list[tuple[str, bool]]:
        """What each alert refused, and whether it is open still."""
        with self.database.read() as connection:
            rows = store.alerts(connection, only_open=False)
        return [(row.evidence["refused"], row.closed_at is None) for row in rows]


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Edited]:
    database = Database(f"sqlite:///{tmp_path / 'records.db'}")
    database.migrate()
    yield Edited(tmp_path / "policies", database)
    database.close()


def test_a_good_change_comes_into_force_without_a_restart(edited: Edited) -> None:
    assert edited.limits() == [2880, 4800]
    edited.write(DOCUMENT.replace("2880", "2900"))
    edited.watch.tick()
    assert (edited.limits(), edited.told()) == ([2900, 4800], [])


def test_a_wrong_change_is_told_once_with_file_and_line_and_the_old_policy_runs_on(edited: Edited) -> None:
    edited.write(DOCUMENT.replace("[2880, 4800]", "[4800, 2880]"))
    for _ in range(3):
        edited.watch.tick()
    assert edited.limits() == [2880, 4800]
    ((said, is_open),) = edited.told()
    line = next(at for at, text in enumerate(DOCUMENT.splitlines(), 1) if "2880" in text)
    assert is_open
    assert said.startswith(f"{edited.file}:{line}: ")
    assert "do not rise" in said


def test_the_alert_ends_when_the_file_is_mended_or_taken_away(edited: Edited) -> None:
    edited.write("id = 7")
    edited.watch.tick()
    edited.write(DOCUMENT)
    edited.watch.tick()
    edited.write(DOCUMENT.replace('class = "household"', 'class = "castle"'))
    edited.watch.tick()
    edited.file.unlink()
    edited.watch.tick()
    assert sorted(is_open for _, is_open in edited.told()) == [False, False]
    assert edited.tariffs.refused is None


def test_two_documents_that_hold_on_one_day_are_refused_and_neither_replaces_what_runs(
    edited: Edited,
) -> None:
    later = DOCUMENT.replace("2880", "3000")
    other = edited.file.with_name("other.toml")
    other.write_text(later, encoding="utf-8")
    edited.watch.tick()
    ((said, _),) = edited.told()
    assert "overlaps" in said
    assert edited.limits() == [2880, 4800]


def test_at_the_start_there_is_no_old_policy_so_a_wrong_one_stops_it(tmp_path: Path) -> None:
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "own.toml").write_text("id = 7", encoding="utf-8")
    with pytest.raises(Exception, match=r"own\.toml:1"):
        Current(tariff_catalogue, tmp_path, ["tariffs"])


def test_one_mistake_that_two_policies_meet_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    file = folder / "deadlines.toml"
    good = files("cloud.policies").joinpath("deadlines.toml").read_text(encoding="utf-8")
    file.write_text(good, encoding="utf-8")
    promised = entitlements.promises(folder, UTC)
    database = Database(f"sqlite:///{tmp_path / 'records.db'}")
    database.migrate()
    alarms = Alarms(alert_policy(), Notices(notice_policy(), []))
    watch = PolicyWatch([promised.policy, promised.deadlines], alarms, database, ManualClock(NOW))
    file.write_text("nonsense = 1\n" + good, encoding="utf-8")
    watch.tick()
    with database.read() as connection:
        [told] = store.alerts(connection, only_open=True)
    assert "deadlines.toml" in told.evidence["refused"]
    file.write_text(good, encoding="utf-8")
    watch.tick()
    with database.read() as connection:
        assert not store.alerts(connection, only_open=True)
    database.close()
