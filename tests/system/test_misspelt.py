"""A key misspelt in any of our TOML files: the real command says one line, with the key that was meant."""

import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATEWAY = """gateway = "gw-a01"
data_dir = "data"
interval_s = 900
[broker]
host = "broker.example"
[outbox]
batch_readings = 200
[orders]
relay_per_day = 3
[memory]
days = 30
[[line]]
name = "north"
kind = "tcp"
endpoint = "127.0.0.1:9"
[[line.meter]]
id = "A01-001"
address = "202107072529"
model = "dlt645-2007-3p"
"""
SCENARIO = """seed = 7
[station]
timezone = "Asia/Shanghai"
[[area]]
id = "A01"
[[line]]
name = "bus"
kind = "tcp"
delay_ms = 20
[[meter]]
id = "A01-01"
address = "202600010001"
model = "dlt645-2007-1p"
area = "A01"
line = "bus"
[[life]]
meter = "A01-01"
at = 2026-11-20T10:05:00+08:00
event = "cover-open"
[[fault]]
kind = "silence"
target = "bus"
share = 0.5
[[master]]
name = "other"
line = "bus"
cycle_s = 60
request = [{meter = "A01-01", di = "00010000"}]
"""
CLOUD = """data_dir = "data"
policies_dir = "policies"
[station]
timezone = "Asia/Shanghai"
[http]
port = 0
[broker]
kind = "embedded"
"""
REGISTRY = """[[area]]
id = "A01"
name = "示例台区"
feeder = "F1"
[[gateway]]
id = "gw-a01"
name = "示例网关"
[[meter]]
id = "A01-01"
address = "202600010001"
model = "dlt645-2007-1p"
area = "A01"
gateway = "gw-a01"
line = "bus"
ct_ratio = 1
"""
CUSTOMERS = """[[customer]]
id = "C1"
name = "示例户 A01-01"
[[account]]
no = "3601000001"
customer = "C1"
address = "示例路 1 号"
"""
MODEL = (files("protocols") / "meters" / "eastron-sdm120.toml").read_text(encoding="utf-8")
POLICIES = {
    name: (files("cloud.policies") / f"{name}.toml").read_text(encoding="utf-8")
    for name in ("alerts", "commands", "deadlines", "notices")
}
CHECK = ("edge", "check", "--config", "gateway.toml")
RUN = ("sim", "run", "scenario.toml", "--state-dir", "state")
CASES = [
    (CHECK, "gateway.toml", "interval_s = 900", "intervall_s"),
    (CHECK, "gateway.toml", 'host = "broker.example"', "hots"),
    (CHECK, "gateway.toml", 'endpoint = "127.0.0.1:9"', "endpiont"),
    (CHECK, "gateway.toml", 'address = "202107072529"', "adress"),
    (("edge", "run", "--config", "gateway.toml"), "gateway.toml", 'kind = "tcp"', "knid"),
    (("edge", "plan", "--config", "gateway.toml"), "gateway.toml", 'model = "dlt645-2007-3p"', "modell"),
    (("edge", "model", "check", "model.toml"), "model.toml", 'maker = "', "makr"),
    (("edge", "model", "check", "model.toml"), "model.toml", 'quantity = "', "quantitty"),
    (RUN, "scenario.toml", "seed = 7", "sead"),
    (RUN, "scenario.toml", "delay_ms = 20", "dealy_ms"),
    (RUN, "scenario.toml", 'event = "cover-open"', "evnt"),
    (RUN, "scenario.toml", 'target = "bus"', "traget"),
    (RUN, "scenario.toml", "cycle_s = 60", "cycles_s"),
    (("cloud", "run", "--config", "cloud.toml"), "cloud.toml", "port = 0", "prot"),
    (("cloud", "migrate", "--config", "cloud.toml"), "cloud.toml", 'data_dir = "data"', "data_dri"),
    (("cloud", "run", "--config", "cloud.toml"), "policies/alerts.toml", "min_meters = 2", "min_metres"),
    (("cloud", "run", "--config", "cloud.toml"), "policies/alerts.toml", 'severity = "severe"', "severty"),
    (("cloud", "run", "--config", "cloud.toml"), "policies/commands.toml", "approvers = 2", "aprovers"),
    (("cloud", "run", "--config", "cloud.toml"), "policies/deadlines.toml", "restore_min = {", "restor_min"),
    (("cloud", "run", "--config", "cloud.toml"), "policies/notices.toml", "attempts = 8", "atempts"),
    (("cloud", "import", "registry", "registry.toml"), "registry.toml", 'feeder = "F1"', "feder"),
    (("cloud", "import", "registry", "registry.toml"), "registry.toml", "[[area]]", "[[areas]]"),
    (("cloud", "import", "customers", "customers.toml"), "customers.toml", 'address = "', "adress"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (
        ("gateway", GATEWAY), ("scenario", SCENARIO), ("cloud", CLOUD), ("registry", REGISTRY),
        ("customers", CUSTOMERS), ("model", MODEL),
    ):  # fmt: skip
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "policies").mkdir()
    (tmp_path / "data").mkdir(mode=0o700)
    for name, text in POLICIES.items():
        (tmp_path / "policies" / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("command", "file", "right", "wrong"), CASES, ids=[f"{c[1]}-{c[3]}" for c in CASES])
def test_a_misspelt_key_is_told_with_the_one_that_was_meant(
    folder: Path, command: tuple[str, ...], file: str, right: str, wrong: str
) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    key, _, rest = right.partition(" ")
    assert right in text
    changed = text.replace(right, f"{wrong} {rest}".strip(), 1)
    assert tomllib.loads(changed) != tomllib.loads(text)
    (folder / file).write_text(changed, encoding="utf-8")
    told = subprocess.run(
        [sys.executable, ROOT / "wattpost.py", *command],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )
    assert (told.returncode, told.stdout) == (1, "")
    lines = told.stderr.splitlines()
    assert len(lines) == 1, told.stderr
    assert f"did you mean '{key.strip('[]')}'?" in lines[0]
    assert wrong.strip("[]") in lines[0]
