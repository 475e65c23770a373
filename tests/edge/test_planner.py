"""Air time told beforehand: bytes, gaps, thinking, repeats; what fits a line, and what would."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge.planner import cost_of, meter_plan, plan_of
from edge.settings import LineSettings, MeterSettings
from edge.tools.plan import advice, app, bar, fitting_asks, fitting_baud, fitting_interval
from protocols.air_time import air_time_s, conversation, exchanges_of
from protocols.dlt645.frame import encode
from protocols.models import load, names
from tests.edge.lines import ADDRESS, OTHER, blocks, dlt645_driver, line, meter
from tests.edge.wire import Meters, TcpWire, dlt645_ear

THREE_PHASE = "dlt645-2007-3p"


def many(count: int, interval_s: int, **more: Any) -> LineSettings:
    meters = [meter(f"{n:012d}", id_=f"m{n}", interval_s=interval_s) for n in range(1, count + 1)]
    return line("127.0.0.1:4001", *meters, **{"baud": 2400, "timeout_s": 1.0, **more})


def test_the_bytes_counted_are_those_on_the_wire() -> None:
    """A meter's lead-in is four FE, as usual; the wire here sends none."""
    well = Meters({ADDRESS: blocks()})
    with TcpWire(well, dlt645_ear) as wire:
        driver = dlt645_driver(line(wire.endpoint))
        driver.open()
        driver.read(meter())
        driver.close()
        replies = [reply for request in wire.requests if (reply := well.reply(request))]
    exchanges = exchanges_of(load(THREE_PHASE))
    assert [each.request for each in exchanges] == [len(encode(request)) for request in wire.requests]
    assert [each.answer for each in exchanges] == [4 + len(encode(reply)) for reply in replies]


def test_a_reading_takes_its_bytes_and_the_meters_thinking() -> None:
    model = load(THREE_PHASE)
    bytes_of_all = 8 * 40 + (5 + 5) * 4 + 3 * 2 + 3 * 3 + (4 + 4) * 3 + 4 * 2 + 2
    assert air_time_s(model, 11 / 2400) == pytest.approx(bytes_of_all * 11 / 2400 + 8 * 0.1)
    assert air_time_s(model, 11 / 9600) < air_time_s(model, 11 / 2400)


@pytest.mark.parametrize("name", names())
def test_every_model_has_an_air_time(name: str) -> None:
    assert 0.1 < air_time_s(load(name), 11 / 2400) < 20


def test_the_plan_of_a_meter_tells_what_its_time_goes_to() -> None:
    on = many(1, 60)
    plan = meter_plan(on, on.meters[0])
    assert plan.bytes == 409
    assert plan.wire_s == pytest.approx(409 * 11 / 2400)
    assert plan.gap_s == 0
    assert plan.think_s == pytest.approx(0.8)
    assert plan.retry_s == pytest.approx(0.01 * (8 * 1.0 + 409 * 11 / 2400))
    assert plan.limit_s == pytest.approx(plan.wire_s + 8 * 0.02)
    assert plan.share == pytest.approx(cost_of(on, on.meters[0]) / 60)


def test_without_retries_nothing_is_repeated() -> None:
    on = many(1, 60, retries=0)
    assert meter_plan(on, on.meters[0]).retry_s == 0


def test_modbus_needs_three_and_a_half_characters_of_quiet_before_each_question() -> None:
    unit = MeterSettings(id="m1", unit=1, model="chint-dtsu666")
    on = line("/dev/ttyS1", unit, kind="modbus-rtu", baud=2400, parity="none")
    plan = meter_plan(on, unit)
    assert plan.gap_s >= len(plan.exchanges) * 3.5 * 10 / 2400
    fast = meter_plan(line("/dev/ttyS1", unit, kind="modbus-rtu", baud=115200), unit)
    assert fast.gap_s >= len(plan.exchanges) * 0.00175


def test_a_meter_with_its_own_speed_takes_its_own_time() -> None:
    slow, fast = meter(baud=1200), meter(OTHER, id_="m2", parity="none")
    on = line("/dev/ttyS1", slow, fast, kind="serial", baud=9600)
    assert meter_plan(on, slow).wire_s == pytest.approx(409 * 11 / 1200)
    assert meter_plan(on, fast).wire_s == pytest.approx(409 * 10 / 9600)


def test_a_long_answer_counts_with_its_follow_ups() -> None:
    assert all("more" not in each.what for each in exchanges_of(load(THREE_PHASE)))
    first, second = conversation("0001FF00", 4, 300)
    assert (first.request, first.answer) == (20, 20 + 196)
    assert (second.request, second.answer) == (21, 21 + 104)


def test_behind_a_network_the_wire_counts_only_when_its_speed_is_told() -> None:
    told = many(1, 60)
    untold = LineSettings.model_validate(
        told.model_dump(exclude={"baud", "meters"}) | {"meter": [meter().model_dump()]}
    )
    assert meter_plan(untold, untold.meters[0]).wire_s == 0
    assert meter_plan(told, told.meters[0]).wire_s > 1


def test_dead_meters_cost_only_their_probes() -> None:
    plan = plan_of(many(20, 60), 300)
    assert plan.load == pytest.approx(20 * plan.meters[0].share)
    assert plan.load_with_dead < plan.load, "a probe in five minutes is cheaper than a reading a minute"
    rarely = plan_of(many(20, 900), 60)
    assert rarely.load_with_dead > rarely.load


def test_a_plan_that_fits_says_what_is_left() -> None:
    plan = plan_of(many(30, 900), 300)
    assert plan.fits
    (said,) = advice(plan)
    assert "it fits" in said
    assert plan.margin_s(plan.meters[0]) == pytest.approx(900 * (1 - plan.load))


def test_each_change_that_is_advised_makes_it_fit_and_a_smaller_one_does_not() -> None:
    plan = plan_of(many(30, 60), 300)
    assert not plan.fits
    assert fitting_interval(plan) == (60, 120)
    assert plan_of(many(30, 120), 300).fits
    assert fitting_baud(plan) == 9600
    assert plan_of(many(30, 60, baud=9600), 300).fits
    assert not plan_of(many(30, 60, baud=4800), 300).fits
    assert fitting_asks(plan) == 5
    text = "\n".join(advice(plan))
    assert "ask every 120 s what is asked every 60 s" in text
    assert "9600 baud" in text
    assert "at most 5 of the 8 questions" in text


def test_an_interval_that_passes_while_another_meter_is_read_does_not_fit() -> None:
    often, rarely = meter(interval_s=4), meter(OTHER, id_="m2", interval_s=900)
    plan = plan_of(line("127.0.0.1:4001", often, rarely, baud=2400, timeout_s=1), 300)
    assert plan.load < 0.9
    assert [each.meter.id for each in plan.cramped] == ["m1"]
    assert "interval passes of m1" in next(advice(plan))


def test_the_bar_shows_shares_and_ends_open_when_it_is_too_full() -> None:
    half = plan_of(many(10, 60), 300)
    assert len(bar(half)) == 50
    assert bar(half).count("·") == pytest.approx(50 * (1 - half.load), abs=1)
    assert bar(plan_of(many(60, 60), 300)).endswith(">")


CONFIG = """
gateway = "gw-a01"
data_dir = "data"
interval_s = INTERVAL
[broker]
host = "localhost"
[[line]]
name = "north"
kind = "tcp"
endpoint = "10.0.0.5:4001"
baud = 2400
"""
METER = '[[line.meter]]\nid = "A01-{n:03}"\naddress = "{n:012}"\nmodel = "dlt645-2007-3p"\n'


@pytest.mark.parametrize(("interval_s", "code"), [(900, 0), (30, 1)])
def test_the_command_exits_1_when_a_plan_does_not_fit(interval_s: int, code: int, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    meters = "".join(METER.format(n=n) for n in range(1, 13))
    config.write_text(CONFIG.replace("INTERVAL", str(interval_s)) + meters)
    told = CliRunner().invoke(app, ["--config", str(config)])
    assert told.exit_code == code
    assert "line north: tcp 10.0.0.5:4001, 2400 baud, parity even, 12 meters" in told.stdout
    assert "A01-012" in told.stdout
    facts = json.loads(CliRunner().invoke(app, ["--config", str(config), "--json"]).stdout)
    (north,) = facts["lines"]
    assert facts["fits"] == north["fits"] == (code == 0)
    assert north["meters"][0]["bytes"] == 409
    assert north["baud_that_fits"] == (None if code == 0 else 4800)


def test_mistakes_in_the_settings_are_told_in_one_line_each(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG.replace("INTERVAL", "60").replace("baud", "boud"))
    told = CliRunner().invoke(app, ["--config", str(config)])
    assert told.exit_code == 1
    assert "did you mean 'baud'" in told.stderr
