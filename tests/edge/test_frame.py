"""`wattpost frame`: what goes in on the command line or stdin, what comes out, and with which exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge.frame import app

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "dlt645_vectors.json").read_text()
)
VOLTAGE = "FEFEFEFE681111111111116891063334343567565A16"
RELAY = "68611001301215681C10356A3935343333334D333333336345CC2C16"


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    done = CliRunner().invoke(app, arguments, input=stdin, prog_name="wattpost frame")
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout_bytes, done.stderr_bytes)


def test_lines_from_stdin_give_one_object_each() -> None:
    lines = "\n".join(vector["frame_hex"] for vector in VECTORS)
    command = [sys.executable, "-m", "edge.frame", "--jsonl", "--show-secrets"]
    done = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    explained = [json.loads(line) for line in done.stdout.splitlines()]
    expected = [
        {key: value for key, value in vector["expect"].items() if key not in ("note", "value_origin")}
        for vector in VECTORS
    ]
    assert explained == expected


def test_bad_lines_give_an_object_and_no_crash() -> None:
    done = run("--jsonl", stdin=b"\nzz\n68 2\n\xff\xfe\n00\n\n" + VOLTAGE.encode() + b"\r\n" + b"68" * 20_000)
    assert done.returncode == 0
    assert done.stderr == b""
    explained = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each.get("reason") for each in explained[:6]] == [
        "empty", "not_hex", "not_hex", "not_hex", "start_marker", "empty",
    ]  # fmt: skip
    assert explained[6]["value"] == "233.4"
    assert len(explained) == 8
    assert explained[7]["valid"] is False


def test_passwords_are_masked_unless_asked_for() -> None:
    for arguments in (["--json", RELAY], [RELAY]):
        masked = run(*arguments).stdout.decode()
        assert "******" in masked
        assert "020637" not in masked
        assert "020637" in run(*arguments, "--show-secrets").stdout.decode()


@pytest.mark.parametrize(
    "hex_bytes",
    [[VOLTAGE], ["68 11 11 11 11 11 11", "68:91:06", "0x33", "34343567565A16"]],
)
def test_hex_is_taken_as_people_paste_it(hex_bytes: list[str]) -> None:
    done = run(*hex_bytes, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["value"] == "233.4"


def test_a_bad_frame_ends_with_1() -> None:
    done = run(VOLTAGE[:-2] + "17")
    assert done.returncode == 1
    assert b"end_marker" in done.stdout
    done = run("--json", "nonsense")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"valid": False, "reason": "not_hex"}
    done = run("nonsense")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, b"", 1)


def test_wrong_usage_ends_with_2() -> None:
    assert run("--json").returncode == 2
    assert run("--jsonl", VOLTAGE).returncode == 2
    assert run("--no-such-option").returncode == 2
    assert run("--identifiers", VOLTAGE).returncode == 2
    assert run("--identifiers", "--jsonl").returncode == 2
    assert run().returncode == 2


def test_the_identifiers_are_listed_for_people_and_for_machines() -> None:
    lines = run("--identifiers").stdout.decode().splitlines()
    assert "2007 02 01 01 00  voltage, phase A  number XXX.X V  2 bytes  sign: none  verified" in lines
    rows = json.loads(run("--identifiers", "--json").stdout)
    assert len(rows) == len(lines)
    (power,) = [row for row in rows if row["di"] == "02 03 00 00"]
    assert (power["unit"], power["sign"], power["quantities"], power["source"]) == (
        "kW", "bit 7 of the highest byte", ["power_w"], "verified",
    )  # fmt: skip
    assert {row["source"] for row in rows} == {"verified", "secondary", "unverified"}


def test_a_relay_order_is_told_in_words_and_its_password_is_not() -> None:
    lines = run(RELAY).stdout.decode()
    assert "action                    trip" in lines
    assert "refused by the meter after 2099-12-30T00:00:00 of its own clock" in lines
    assert "020637" not in lines


def test_help_has_an_example() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert b"Example: wattpost frame FE FE" in done.stdout


def test_starting_loads_nothing_heavy() -> None:
    heavy = "('pydantic', 'paho', 'pymodbus', 'rich')"
    code = f"import sys, edge.frame; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert done.stdout.strip() == b"[]"
