"""Settings for gateways: checked before they go out, versioned, known by what the gateway says of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from cloud.fleet import config_check, configs, toml_text
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from protocols.mqtt import orders
from protocols.mqtt.orders import Applied, Config, ConfigState
from tests.cloud.fleet.station import FIRST, GATEWAY, SECOND, Commanding

METER_PART = {"id": "A01-03", "model": "dlt645-2007-1p", "address": "000000000003"}
LINE: dict[str, Any] = {
    "name": "L1",
    "kind": "tcp",
    "endpoint": "10.0.0.5:4001",
    "meter": [METER_PART],
}


@pytest.fixture
def station(sqlite_url: str) -> Iterator[Commanding]:
    made = Commanding(Database(sqlite_url))
    yield made
    made.database.close()


@pytest.fixture
def on_both(database: Database) -> Commanding:
    return Commanding(database)


def push(station: Commanding, settings: dict[str, Any], who: str = FIRST, after: int | None = None) -> int:
    with station.database.write() as connection:
        now = station.clock.now()
        row, _ = configs.push(connection, GATEWAY, settings, by=who, note="示例", now=now, after=after)
    station.dispatch.say_config(GATEWAY)
    return int(row.version)


def answer(station: Commanding, version: int, offered: int, state: ConfigState, detail: str = "") -> None:
    told = Applied(
        gateway=GATEWAY, version=version, offered=offered, state=state, at_ms=station.now_ms(), detail=detail
    )
    station.answers.take_applied(GATEWAY, orders.encode(told))


def states(station: Commanding) -> list[tuple[int, str, str]]:
    with station.database.read() as connection:
        return [(row.version, row.state, row.detail) for row in configs.versions(connection, GATEWAY)]


def said(station: Commanding) -> list[Config]:
    found = [each for each in station.wire if each.topic.endswith("/config")]
    assert all(each.retain for each in found)
    return [orders.decode(each.payload, Config) for each in found]


def test_each_version_is_offered_retained_and_only_the_newest_counts(on_both: Commanding) -> None:
    assert [push(on_both, {"interval_s": 60}), push(on_both, {"interval_s": 300}, SECOND)] == [1, 2]
    assert [(each.version, each.settings) for each in said(on_both)] == [
        (1, {"interval_s": 60}),
        (2, {"interval_s": 300}),
    ]
    assert states(on_both) == [(2, "offered", ""), (1, "superseded", "")]
    answer(on_both, 2, 2, ConfigState.APPLIED)
    assert states(on_both)[0] == (2, "applied", "")


def test_a_refusal_is_kept_with_its_reason_and_what_is_in_force(station: Commanding) -> None:
    push(station, {"interval_s": 60})
    answer(station, 1, 1, ConfigState.APPLIED)
    push(station, {"interval_s": 30})
    answer(station, 1, 2, ConfigState.REFUSED, "the line cannot bear it")
    assert states(station) == [(2, "refused", "the line cannot bear it"), (1, "applied", "")]
    with station.database.read() as connection:
        told = configs.in_force(connection, GATEWAY)
    assert told is not None
    assert (told.version, told.offered, told.state) == (1, 2, "refused")


def test_the_same_word_said_again_moves_no_time(station: Commanding) -> None:
    push(station, {"interval_s": 60})
    answer(station, 1, 1, ConfigState.APPLIED)
    with station.database.read() as connection:
        first = configs.version_of(connection, GATEWAY, 1).answered_at
    station.minutes(5)
    answer(station, 1, 1, ConfigState.APPLIED)
    with station.database.read() as connection:
        assert configs.version_of(connection, GATEWAY, 1).answered_at == first


def test_two_people_do_not_write_over_one_another(station: Commanding) -> None:
    push(station, {"interval_s": 60})
    push(station, {"interval_s": 90}, after=1)
    with pytest.raises(Conflict, match="newer version"):
        push(station, {"interval_s": 30}, SECOND, after=1)


def test_a_database_put_back_goes_on_above_what_the_gateway_has(station: Commanding) -> None:
    answer(station, 41, 42, ConfigState.REFUSED, "older settings")
    assert push(station, {"interval_s": 60}) == 43


def test_a_broker_started_anew_is_told_all_settings_again(station: Commanding) -> None:
    push(station, {"interval_s": 60})
    station.connected = False
    push(station, {"interval_s": 90})
    station.connected = True
    station.dispatch.tick()
    station.dispatch.tick()
    station.dispatch.say_all_configs_soon()
    station.dispatch.tick()
    assert [each.version for each in said(station)] == [1, 2, 2]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "empty"),
    ({"intervall_s": 60}, "did you mean 'interval_s'"),
    ({"orders": {"relay": True}}, "orders.relay: no such key"),
    ({"broker": {"host": "x"}}, "broker: no such key"),
    ({"interval_s": 0}, "interval_s"),
    ({"memory": {"timezone": "Mars/Base"}}, "no time zone"),
    ({"orders": {"protected": ["A02-03"]}}, "'A02-03' is not one of this gateway"),
    ({"line": [LINE, LINE]}, "two lines are called 'L1'"),
    ({"line": [LINE | {"name": "L9"}]}, "the registry hangs it on line 'L1'"),
    ({"line": [LINE | {"meter": [{"id": "A02-01", "model": "x"}]}]}, "hangs no such meter"),
    ({"line": [LINE | {"meter": [METER_PART | {"model": "x"}]}]}, "no meter model"),
    ({"line": [LINE | {"meter": [METER_PART | {"unit": 1}]}]}, "and no unit"),
    (
        {"line": [LINE | {"meter": [METER_PART | {"address": "000000000004"}]}]},
        "the registry says address 3",
    ),
]


def test_settings_that_cannot_work_are_refused_here_with_what_to_mend(station: Commanding) -> None:
    for settings, why in WRONG:
        with pytest.raises(Invalid, match=why):
            push(station, settings)
    assert states(station) == []
    with pytest.raises(NotFound), station.database.write() as connection:
        configs.push(connection, "gw-zz", {}, by=FIRST, note="", now=station.clock.now())


def test_a_meter_left_out_is_warned_of(station: Commanding) -> None:
    with station.database.read() as connection:
        checked = config_check.check(connection, GATEWAY, {"line": [LINE]})
    assert "meter 'A01-00' of this gateway is on no line of it and would be read no more" in checked.warnings
    assert len(checked.warnings) == 5


def test_settings_are_written_as_toml_and_read_back_the_same() -> None:
    document = {
        "interval_s": 60,
        "health_s": 2.5,
        "memory": {"enabled": True, "timezone": 'Asia/"\\x'},
        "orders": {"protected": ["A01-03"], "quiet_minutes": []},
        "line": [LINE, LINE | {"name": "线路 2"}],
    }
    assert config_check.parse(toml_text.text(document)) == document


@pytest.mark.parametrize("text", ["interval_s = ", '{"interval_s": ', '"x"', "{" * 50_000])
def test_what_is_no_document_is_told_so(text: str) -> None:
    with pytest.raises(Invalid):
        config_check.parse(text)
