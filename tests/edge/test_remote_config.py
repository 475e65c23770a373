"""Settings from the cloud: checked like the file, applied once, kept; some are never the cloud's to say."""

from pathlib import Path
from typing import Any

import pytest

from edge.mistakes import SettingsError
from edge.remote_config import RemoteConfig, overlay
from edge.settings import Settings
from protocols.mqtt import orders
from protocols.mqtt.orders import Applied, Config, ConfigState
from tests.edge.gateway import GATEWAY, GatewayClock, gateway_settings

LINE = {
    "name": "north", "kind": "tcp", "endpoint": "127.0.0.1:9",
    "meter": [{"id": "M-007", "model": "dlt645-2007-3p", "address": "202107072530"}],
}  # fmt: skip


class Office:
    """The cloud's end of the settings: what it sends, what is applied, what it is told."""

    def __init__(self, folder: Path, **local: Any) -> None:
        self.local = gateway_settings(folder, 9, None, **local)
        self.local.data_dir.mkdir(exist_ok=True)
        self.applied: list[Settings] = []
        self.told: list[Applied] = []
        self.start()

    def start(self) -> Settings:
        self.remote = RemoteConfig(self.local, GatewayClock(), self.applied.append, self._hear)
        return self.remote.overlaid()

    def _hear(self, what: str, payload: bytes, retain: bool) -> None:
        assert (what, retain) == ("config", True)
        self.told.append(orders.decode(payload, Applied))

    def send(self, version: int, settings: dict[str, Any], gateway: str = GATEWAY) -> None:
        config = Config(gateway=gateway, version=version, issued_at_ms=1, settings=settings)
        self.remote.receive(orders.encode(config))
        self.remote.tick()

    def last(self) -> tuple[int, int, ConfigState]:
        return self.told[-1].version, self.told[-1].offered, self.told[-1].state


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_good_settings_are_applied_reported_and_in_force_after_a_restart(office: Office) -> None:
    office.send(3, {"interval_s": 30, "line": [LINE], "orders": {"relay_per_day": 5}})
    assert [meter.id for meter in office.applied[0].meters] == ["M-007"]
    assert office.applied[0].meters[0].interval_s == 30
    assert office.last() == (3, 3, ConfigState.APPLIED)
    again = office.start()
    assert again == office.applied[0]
    assert office.last() == (3, 3, ConfigState.APPLIED)


def test_the_same_version_a_hundred_times_changes_nothing_also_over_a_restart(office: Office) -> None:
    for _ in range(100):
        office.send(3, {"health_s": 5})
    office.start()
    told = len(office.told)
    for _ in range(100):
        office.send(3, {"health_s": 5})
    assert (len(office.applied), len(office.told)) == (1, told)


def test_an_older_version_is_ignored_and_a_newer_one_replaces_it_whole(office: Office) -> None:
    office.send(3, {"health_s": 5, "probe_s": 60})
    office.send(2, {"health_s": 7})
    assert len(office.applied) == 1
    office.send(4, {"health_s": 6})
    assert (office.applied[-1].health_s, office.applied[-1].probe_s) == (6, 300)


def test_another_content_under_the_version_in_force_is_told_and_not_applied(office: Office) -> None:
    office.send(3, {"health_s": 5})
    office.send(3, {"health_s": 6})
    assert len(office.applied) == 1
    assert office.last() == (3, 3, ConfigState.REFUSED)
    assert "another content" in office.told[-1].detail


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"broker": {"host": "elsewhere"}}, "broker: is never set from afar"),
        ({"data_dir": "/tmp"}, "data_dir: is never set from afar"),
        ({"gateway": "gw-b"}, "gateway: is never set from afar"),
        ({"update": {"key_file": "/tmp/k"}}, "update: is never set from afar"),
        ({"page": {"listen": "0.0.0.0:80"}}, "page: is never set from afar"),
        ({"supply_file": "/etc/passwd"}, "supply_file: is never set from afar"),
        ({"outbox": {"max_bytes": 1 << 20}}, "outbox: is never set from afar"),
        ({"orders": {"relay": True}}, "orders.relay: is never set from afar"),
        ({"orders": {"clock": True}}, "orders.clock: is never set from afar"),
        ({"orders": {"passwords": {}}}, "orders.passwords: is never set from afar"),
        ({"orders": {"operator": "00000001"}}, "orders.operator: is never set from afar"),
        ({"orders": {"relay_per_day": 11}}, "11 is more than the 10 of gateway.toml"),
        ({"orders": 5}, "orders"),
        ({"memory": 5}, "memory"),
        ({"memory": {"timezone": "Asia/Nowhere"}}, "'Asia/Nowhere' is not known"),
        ({"memory": {"dayz": 5}}, "did you mean 'days'?"),
        ({"interval": 5}, "interval: is never set from afar"),
        ({"interval_s": 0}, "interval_s: input should be greater"),
        ({"line": []}, "line"),
        ({"line": "north"}, "line"),
        ({"line": [LINE | {"endpoint": "nowhere"}]}, "line[north]"),
        ({"line": [LINE, LINE]}, "two lines are called 'north'"),
        ({"line": [LINE | {"meter": [{"id": "M-1", "model": "?"}]}]}, "no meter model"),
    ],
)
def test_what_is_wrong_or_not_the_clouds_is_refused_by_name_and_the_last_good_ones_stay(
    office: Office, settings: dict[str, Any], reason: str
) -> None:
    office.send(1, {"health_s": 5})
    office.send(2, settings)
    assert len(office.applied) == 1
    assert office.last() == (1, 2, ConfigState.REFUSED)
    assert reason in office.told[-1].detail
    assert office.start().health_s == 5


def test_a_refused_version_is_answered_once_and_a_corrected_one_taken(office: Office) -> None:
    for _ in range(10):
        office.send(2, {"interval_s": 0})
    assert len(office.told) == 1
    office.send(3, {"interval_s": 10})
    assert office.last() == (3, 3, ConfigState.APPLIED)


def test_what_the_file_protects_the_cloud_can_add_to_and_not_take_from(tmp_path: Path) -> None:
    office = Office(tmp_path, orders={"protected": ["M-1"], "quiet_minutes": [0, 480]})
    office.send(1, {"orders": {"protected": ["M-2"], "quiet_minutes": [720], "relay_per_day": 0}})
    got = office.applied[0].orders
    assert (got.protected, got.quiet_minutes, got.relay_per_day) == (("M-1", "M-2"), (0, 480, 720), 0)


def test_another_interval_reaches_all_meters_but_those_with_their_own(tmp_path: Path) -> None:
    meters = [
        {"id": f"M-{number}", "model": "dlt645-2007-3p", "address": f"20210707253{number}", **own}
        for number, own in enumerate([{}, {"interval_s": 900}])
    ]
    office = Office(tmp_path, line=[LINE | {"meter": meters}])
    office.send(1, {"interval_s": 30})
    assert [meter.interval_s for meter in office.applied[0].meters] == [30, 900]
    assert office.applied[0].lines[0].name == "north"


@pytest.mark.parametrize("payload", [b"", b"{}", b"\x78\x9c broken", b"x" * 300_000])
def test_garbage_in_place_of_settings_changes_nothing(office: Office, payload: bytes) -> None:
    office.remote.receive(payload)
    office.remote.tick()
    office.send(1, {"health_s": 5}, gateway="gw-a02")
    assert (office.applied, office.told) == ([], [])


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"version": 1}', b"\xff"])
def test_a_broken_file_of_last_good_settings_leaves_the_gateways_own(office: Office, content: bytes) -> None:
    (office.local.data_dir / "config.json").write_bytes(content)
    assert office.start() == office.local
    office.send(1, {"health_s": 5})
    assert office.start().health_s == 5


def test_kept_settings_that_do_not_go_with_a_changed_file_are_left_out_and_told(
    office: Office, tmp_path: Path
) -> None:
    office.send(4, {"orders": {"relay_per_day": 10}})
    office.local = gateway_settings(tmp_path, 9, None, orders={"relay_per_day": 3})
    assert office.start() == office.local
    assert office.last() == (0, 4, ConfigState.REFUSED)


def test_settings_that_cannot_be_kept_are_not_applied_and_are_taken_when_offered_again(
    office: Office,
) -> None:
    blocked = office.local.data_dir / "config.new"
    blocked.mkdir()
    office.send(1, {"health_s": 5})
    assert (office.applied, office.last()[2]) == ([], ConfigState.REFUSED)
    blocked.rmdir()
    office.send(1, {"health_s": 5})
    assert office.applied


def test_nothing_from_the_cloud_is_the_gateways_own_file(office: Office) -> None:
    assert overlay(office.local, {}) == office.local
    with pytest.raises(SettingsError, match="x: is never set from afar"):
        overlay(office.local, {"x": 1})


def test_a_defect_while_they_are_put_in_force_refuses_them_and_is_not_met_again(office: Office) -> None:
    office.send(1, {"health_s": 5})
    office.remote._apply = _defect
    office.send(2, {"health_s": 6})
    assert office.last() == (1, 2, ConfigState.REFUSED)
    assert office.start().health_s == 5


def _defect(_: Settings) -> None:
    raise ZeroDivisionError
