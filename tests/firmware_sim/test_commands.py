"""`wattpost sim`: the ready line, faults from outside, a history, a clean end, mistakes in one line."""

import json
import signal
import socket
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim import control
from firmware_sim.control import ControlError
from firmware_sim.village import village
from protocols.dlt645.conversations import read_request
from protocols.dlt645.frame import encode
from tests.firmware_sim.texts import HOUSE, ONE_LINE

SIM = [sys.executable, "-m", "firmware_sim"]
ROOT = Path(__file__).parents[2]
END = "2026-11-22T12:00:00+08:00"


def sim(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SIM, *words], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


class Program:
    """`wattpost sim run` as a process of its own."""

    def __init__(self, text: str, folder: Path, *words: str) -> None:
        self.state_dir = folder / "state"
        scenario = folder / "scenario.toml"
        scenario.write_text(text, encoding="utf-8")
        self.process = subprocess.Popen(
            [*SIM, "run", scenario, "--state-dir", self.state_dir, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())

    def fault(self, *words: str) -> subprocess.CompletedProcess[str]:
        return sim("fault", *words, "--state-dir", self.state_dir)

    def end_and_read(self) -> tuple[int, str, str]:
        """(exit code, what came after the ready line, talk)."""
        self.process.send_signal(signal.SIGTERM)
        rest, talk = self.process.communicate(timeout=20)
        return self.process.returncode, rest, talk

    def end(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(how)
        _, talk = self.process.communicate(timeout=20)
        return self.process.returncode, talk


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    running = Program(village(3, 4, 7), tmp_path)
    yield running
    if running.process.poll() is None:
        running.end()


def test_the_first_line_tells_where_everything_is(program: Program) -> None:
    ready = program.ready
    assert ready["ready"] is True
    assert ready["meters"] == 12
    assert [(line["name"], line["kind"]) for line in ready["lines"]] == [
        ("line-a01", "tcp"),
        ("line-a02", "serial"),
        ("line-a03", "modbus-tcp"),
    ]
    assert Path(ready["lines"][1]["endpoint"]).is_char_device()
    assert Path(ready["gateways"][0]["supply_file"]).read_text() == "1\n"
    assert ready["control"].startswith("127.0.0.1:")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_and_leaves_no_state_behind(tmp_path: Path, how: int) -> None:
    running = Program(ONE_LINE, tmp_path)
    assert running.end(how) == (0, "")
    assert not (running.state_dir / "sim.json").exists()


def test_only_its_owner_may_read_the_token(program: Program) -> None:
    assert (program.state_dir / "sim.json").stat().st_mode & 0o777 == 0o600


def test_a_fault_tells_when_it_took_effect_and_stays_until_cleared(program: Program) -> None:
    given = json.loads(program.fault("area-out", "A01").stdout)
    assert (given["kind"], given["target"], given["active"], given["changed"]) == (
        "area-out",
        "A01",
        True,
        True,
    )
    again = json.loads(program.fault("area-out", "A01").stdout)
    assert (again["at_ms"], again["changed"]) == (given["at_ms"], False)
    assert [fault["target"] for fault in json.loads(program.fault("list").stdout)["faults"]] == ["A01"]
    supply = Path(program.ready["gateways"][0]["supply_file"])
    assert supply.read_text() == "0\n"
    cleared = json.loads(program.fault("area-out", "A01", "--clear").stdout)
    assert cleared["at_ms"] >= given["at_ms"]
    assert (cleared["active"], cleared["changed"]) == (False, True)
    assert supply.read_text() == "1\n"
    assert json.loads(program.fault("list").stdout) == {"faults": []}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("earthquake", "A01"), "there is no fault 'earthquake'; known: meter-dead, area-out"),
        (("area-out", "A99"), "there is no area 'A99'; known: A01, A02, A03"),
        (("meter-dead", "A01"), "there is no meter 'A01'"),
        (("phase-lost", "A01"), "names no phase"),
        (("gateway-dark", "gw-a01"), "there is no gateway with a broker 'gw-a01'"),
    ],
)
def test_an_impossible_fault_is_told_in_one_line(program: Program, words: tuple[str, ...], told: str) -> None:
    refused = program.fault(*words)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert told in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_the_control_socket_wants_its_token_and_survives_nonsense(program: Program) -> None:
    endpoint, token = program.ready["control"], program.ready["token"]
    with pytest.raises(ControlError, match="wrong token"):
        control.ask(endpoint, "guess", "list", "", False)
    assert control.ask(endpoint, token, "list", "", False) == {"faults": []}


def test_a_fault_without_a_fleet_says_so(tmp_path: Path) -> None:
    refused = sim("fault", "list", "--state-dir", tmp_path)
    assert refused.returncode == 1
    assert "is `wattpost sim run` on" in refused.stderr
    gone = sim("fault", "list", "--control", "127.0.0.1:1", "--token", "x")
    assert gone.returncode == 1
    assert "no fleet answers at 127.0.0.1:1" in gone.stderr


def test_a_wrong_scenario_is_told_in_one_line_and_no_ready_line_appears(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(ONE_LINE.replace("dlt645-2007-1p", "dlt645-2008"))
    refused = sim("run", wrong, "--state-dir", tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert (
        "wrong.toml: meter house: there is no model 'dlt645-2008'; did you mean 'dlt645-2007-"
        in refused.stderr
    )
    assert refused.stderr.count("\n") == 1


def test_a_usage_error_is_exit_2() -> None:
    assert sim("run").returncode == 2
    assert sim("village", "--areas", "0").returncode == 2


def test_the_printed_village_is_toml_and_the_same_for_the_same_seed() -> None:
    printed = sim(
        "village", "--areas", "2", "--meters", "3", "--seed", "5", "--broker", "127.0.0.1:1883"
    ).stdout
    made = tomllib.loads(printed)
    assert (made["seed"], len(made["area"]), len(made["meter"])) == (5, 2, 6)
    assert {gateway["broker"] for gateway in made["gateway"]} == {"127.0.0.1:1883"}
    assert printed == village(2, 3, 5, "127.0.0.1:1883")


def test_a_history_is_lines_of_json_on_stdout_and_nothing_else(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(ONE_LINE)
    written = sim("history", scenario, "--days", "1", "--interval", "3600", "--end", END)
    assert (written.returncode, written.stderr) == (0, "")
    rows = [json.loads(row) for row in written.stdout.splitlines()]
    assert Counter(row["source"] for row in rows)["polled"] == 24 * 4
    assert {row["meter"] for row in rows} == {"area", "house", "shop", "old"}
    assert (
        sim("history", scenario, "--days", "1", "--interval", "3600", "--end", END).stdout == written.stdout
    )


def test_a_history_with_a_wrong_end_is_refused(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(ONE_LINE)
    refused = sim("history", scenario, "--end", "noon")
    assert refused.returncode == 1
    assert "--end: 'noon' is no ISO time" in refused.stderr


def test_at_the_end_of_a_run_the_master_is_judged_and_its_transcript_kept(tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"
    running = Program(ONE_LINE, tmp_path, "--judge", "--transcript", str(said))
    given = json.loads(running.fault("lost-reply", "house", "--nth", "2").stdout)
    assert (given["kind"], given["active"]) == ("lost-reply", True)
    host, _, port = running.ready["lines"][0]["endpoint"].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(encode(read_request(HOUSE, "00010000")))
        assert line.recv(100)
    code, rest, talk = running.end_and_read()
    assert (code, talk) == (0, "")
    assert json.loads(rest)["sound"] is True
    table = sim("judge", said)
    assert table.returncode == 0
    assert "talks-alone" in table.stdout
    assert json.loads(sim("judge", said, "--json").stdout)["requests"] == 1


def test_a_transcript_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "said.jsonl"
    wrong.write_text("hello\n", encoding="utf-8")
    refused = sim("judge", wrong)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "line 1 is no entry of a transcript" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_all_kinds_of_fault_are_listed() -> None:
    listed = sim("fault", "kinds").stdout
    assert listed.count("\n") > 60
    assert "flip-data" in listed
    assert "area-out" in listed
