"""`wattpost cloud validate`: closed days on demand, and one clear line for what cannot be."""

import json
from pathlib import Path

from typer.testing import CliRunner

from cloud import settings as settings_
from cloud.__main__ import app
from cloud.fleet.registry import import_registry
from cloud.kit.errors import Invalid, NotFound
from cloud.records import open_records
from tests.cloud.alerts.village import registry


def test_days_are_validated_once_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    config = settings_.write_first(tmp_path, "示例供电所", "Asia/Shanghai")
    records = open_records(settings_.load(config))
    with records.database.write() as connection:
        import_registry(connection, registry(("A01",)))
    records.close()

    def called(first: str, last: str, *words: str) -> object:
        asked = ["validate", "--from", first, "--to", last, "-c", str(config), *words]
        done = CliRunner().invoke(app, asked)
        return done.exception if done.exception is not None else json.loads(done.stdout)

    first = called("2026-03-01", "2026-03-02", "--area", "A01", "--json")
    again = called("2026-03-01", "2026-03-02", "--json")
    assert isinstance(first, dict)
    assert isinstance(again, dict)
    assert first["points"] == again["points"] > 0
    assert (first["written"] > 0, again["written"]) == (True, 0)
    assert "not closed" in str(called("2026-03-01", "2999-01-01"))
    for wrong, error in (
        (("2026-03-02", "2026-03-01"), Invalid),
        (("yesterday", "2026-03-01"), Invalid),
        (("2026-03-01", "2026-03-01", "--area", "no-such"), NotFound),
    ):
        assert isinstance(called(*wrong), error), wrong
