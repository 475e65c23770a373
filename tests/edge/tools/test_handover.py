"""The page of a handover: wiring mistakes are found by two readings, and only the cloud's word confirms."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.agent import Agent
from edge.clock import SystemClock
from edge.settings import load
from edge.tools.checks import Grade, of_clock, of_sequence, of_values
from protocols.models import load as load_model
from protocols.readings import Value
from tests.edge.gateway import CloudEnd, until
from tests.edge.lines import SINGLE_PHASE, bcd, blocks
from tests.edge.tools.buses import call, gateway_file, meter_table, tcp
from tests.edge.wire import Meters, TcpWire, dlt645_ear
from tests.mosquitto import Mosquitto
from tests.programs import free_port

A, B = "202107072501", "202107072602"
THREE, ONE = load_model("dlt645-2007-3p"), load_model("dlt645-2007-1p")
WELL: dict[str, Value] = {
    "energy_import_wh": 214_940, "energy_import_t1_wh": 100_000, "energy_import_t2_wh": 114_940,
    "voltage_l1_v": 230.0, "voltage_l2_v": 231.0, "voltage_l3_v": 229.0,
    "current_l1_a": 5.0, "current_l2_a": 5.0, "current_l3_a": 5.0,
    "power_w": 3300.0, "power_l1_w": 1100.0, "power_l2_w": 1100.0, "power_l3_w": 1100.0,
}  # fmt: skip


def graded(first: Mapping[str, Value], second: Mapping[str, Value]) -> dict[str, Grade]:
    return {each.what: each.grade for each in of_values(THREE, first, second)}


def test_a_well_wired_meter_passes_every_check() -> None:
    assert set(graded(WELL, WELL).values()) == {Grade.OK}


@pytest.mark.parametrize(
    ("what", "grade", "changed"),
    [
        ("registers", Grade.FAIL, {"energy_import_wh": 214_930}),
        ("tariffs", Grade.LOOK, {"energy_import_t1_wh": 150_000}),
        ("voltages", Grade.FAIL, {"voltage_l2_v": 12.0}),
        ("direction", Grade.FAIL, {"power_l2_w": -1100.0}),
        ("direction", Grade.LOOK, dict.fromkeys(("power_w", "power_l1_w", "power_l2_w", "power_l3_w"), -1.0)),
        ("phase_power", Grade.FAIL, {"current_l1_a": 0.5}),
        ("phase_power", Grade.LOOK, {"power_l1_w": 100.0}),
        ("power_sum", Grade.FAIL, {"power_w": 9900.0}),
        ("steady", Grade.LOOK, {"power_w": 33_000.0}),
    ],
)
def test_a_wiring_mistake_is_found(what: str, grade: Grade, changed: dict[str, Value]) -> None:
    assert graded(WELL, WELL | changed)[what] is grade


def test_without_load_the_phases_cannot_be_judged() -> None:
    idle = WELL | {f"current_l{n}_a": 0.0 for n in (1, 2, 3)}
    assert graded(idle, idle)["phase_power"] is Grade.UNKNOWN


def test_a_meter_without_a_register_of_energy_fails() -> None:
    values: dict[str, Value] = {"power_w": 1.0}
    assert {each.what: each.grade for each in of_values(ONE, values, values)}["registers"] is Grade.FAIL


@pytest.mark.parametrize(("offset_s", "grade"), [(-59, Grade.OK), (200, Grade.LOOK), (-301, Grade.FAIL)])
def test_a_clock_is_judged_by_its_offset(offset_s: float, grade: Grade) -> None:
    assert of_clock(offset_s).grade is grade


def test_the_meters_own_word_on_the_phase_sequence_counts() -> None:
    assert of_sequence(["voltage_reverse_sequence"]).grade is Grade.FAIL
    assert of_sequence(["demand_over"]).grade is Grade.OK


@contextmanager
def gateway(folder: Path, react: Any, broker: Mosquitto | None = None, *, top: str = "") -> Iterator[Path]:
    port = broker.port if broker else free_port()
    more = f'password_file = "{broker.password_file("gw-a01")}"' if broker else ""
    with TcpWire(react, dlt645_ear) as wire:
        meters = [meter_table("m1", A, "dlt645-2007-3p"), meter_table("m2", B)]
        file = gateway_file(folder, tcp(wire.endpoint, 0.05), meters, top=top)
        broker_keys = f"port = {port}\nkeepalive_s = 5\n{more}\n"
        text = file.read_text(encoding="utf-8").replace("port = 9\n", broker_keys, 1)
        file.write_text(text, encoding="utf-8")
        yield file


def handed_over(file: Path, *words: object) -> tuple[int, dict[str, Any]]:
    result = call("handover", "--config", file, "--gap", 0, "--json", *words)
    assert result.stdout, (result.stderr, result.exception)
    return result.exit_code, json.loads(result.stdout)


SINGLE = {di: bcd(digits) for di, digits in SINGLE_PHASE.items()}
BOTH = Meters({A: blocks(), B: SINGLE})


def test_a_reading_is_confirmed_by_the_clouds_stored(tmp_path: Path, mosquitto: Mosquitto) -> None:
    cloud = CloudEnd(mosquitto, answering=True)
    with gateway(tmp_path, BOTH, mosquitto) as file:
        _, facts = handed_over(file, "--confirm", 20)
    cloud.close()
    assert facts["stored"]["confirmed"] is True
    assert re.match(r"batch 1 was stored by the cloud after", facts["stored"]["says"])
    assert {row.meter for batch in cloud.batches() for row in batch.readings} == {"m1", "m2"}


def test_a_pubacked_reading_is_not_confirmed(tmp_path: Path, mosquitto: Mosquitto) -> None:
    cloud = CloudEnd(mosquitto)
    with gateway(tmp_path, BOTH, mosquitto) as file:
        code, facts = handed_over(file, "--confirm", 2)
    cloud.close()
    assert (code, facts["grade"], facts["stored"]["confirmed"]) == (1, "fail", False)
    assert "the cloud did not answer within 2 s" in facts["stored"]["says"]
    assert cloud.batches()


def test_without_a_broker_it_says_not_confirmed(tmp_path: Path) -> None:
    page = tmp_path / "handover.html"
    with gateway(tmp_path, BOTH) as file:
        result = call("handover", "--config", file, "--gap", 0, "--confirm", 0.3, "--html", page)
    assert result.exit_code == 1
    assert "NOT CONFIRMED: the broker 127.0.0.1:" in result.stdout
    assert "was not reached" in result.stdout
    text = page.read_text(encoding="utf-8")
    assert "NOT CONFIRMED" in text
    assert "m1 · 202107072501" in text
    assert "http" not in re.sub(r"<meta http-equiv[^>]*>", "", text)  # nothing is loaded from elsewhere
    assert "必须验电" in text


def test_what_was_read_is_not_lost_by_an_unconfirmed_handover(tmp_path: Path) -> None:
    with gateway(tmp_path, BOTH) as file:
        handed_over(file, "--confirm", 0.2)
        agent = Agent(load(file), SystemClock())
        assert agent.outbox.backlog().readings == 2
        agent.outbox.close()
        agent.commander.ledger.close()


def test_the_running_agent_is_asked_what_was_stored(tmp_path: Path, mosquitto: Mosquitto) -> None:
    cloud = CloudEnd(mosquitto, answering=True)
    import threading

    listen = f"127.0.0.1:{free_port()}"
    with gateway(tmp_path, BOTH, mosquitto) as file:
        text = file.read_text(encoding="utf-8")
        file.write_text(text + f'\n[page]\nlisten = "{listen}"\n', encoding="utf-8")
        agent = Agent(load(file), SystemClock())
        runner = threading.Thread(target=agent.run)
        runner.start()
        try:
            until(lambda: cloud.batches(), "a first batch")
            _, facts = handed_over(file, "--confirm", 15)
        finally:
            agent.ask_stop()
            runner.join(20)
            cloud.close()
    assert facts["stored"]["confirmed"] is True
    assert "of the running agent" in facts["stored"]["says"]


def test_a_silent_meter_fails_the_page_and_the_others_are_judged(tmp_path: Path) -> None:
    with gateway(tmp_path, Meters({A: blocks()})) as file:
        code, facts = handed_over(file, "--confirm", 0.1)
    assert code == 1
    assert {each["meter"]: each["grade"] for each in facts["meters"]}["m2"] == "fail"
    (first,) = (each for each in facts["meters"] if each["meter"] == "m1")
    judged = {check["what"] for check in first["checks"]}
    assert judged >= {"registers", "voltages", "direction", "clock", "sequence"}


def test_a_plan_beyond_the_sim_card_fails(tmp_path: Path) -> None:
    with gateway(tmp_path, BOTH, top="health_s = 1") as file:
        with file.open("a", encoding="utf-8") as more:
            more.write("\n[sim_card]\nbytes_per_month = 1048576\n")
        _, facts = handed_over(file, "--confirm", 0.1)
    assert facts["month"]["total"] > facts["month"]["cap_bytes"]
    assert facts["grade"] == "fail"
