"""`wattpost edge orders` shows what was ordered, who approved it and how it ended; never a password."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.tools.orders import app
from protocols.mqtt.orders import OrderKind
from tests.edge.orders.bench import METER, PASSWORD, Bench

CONFIG = """
gateway = "gw-a01"
data_dir = "."
[broker]
host = "127.0.0.1"
[[line]]
name = "north"
kind = "tcp"
endpoint = "127.0.0.1:9"
[[line.meter]]
id = "M-000"
model = "dlt645-2007-3p"
address = "202107072529"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    return path


def test_orders_are_listed_also_while_the_agent_runs(tmp_path: Path, config: Path) -> None:
    bench = Bench(tmp_path)
    bench.do(bench.order(OrderKind.RELAY_OFF, 1))
    bench.do(bench.order(OrderKind.READ, 2))
    plain = CliRunner().invoke(app, ["--config", str(config)])
    assert plain.exit_code == 0
    assert f"relay_off {METER}, approved by li, wang" in plain.stdout
    assert "relay open; the meter took the order" in plain.stdout
    assert PASSWORD not in plain.stdout
    rows = json.loads(CliRunner().invoke(app, ["--config", str(config), "--json", "--last", "4"]).stdout)
    assert [(row["order"], row["what"]) for row in rows[-3:]] == [
        ("order-0002", "taken"), ("order-0002", "begun"), ("order-0002", "done"),
    ]  # fmt: skip
    none = CliRunner().invoke(app, ["--config", str(config), "--json", "--meter", "M-404"])
    assert json.loads(none.stdout) == []


@pytest.mark.parametrize("content", [None, b"no database" * 500])
def test_no_record_or_a_broken_one_is_told_in_one_line(
    tmp_path: Path, config: Path, content: bytes | None
) -> None:
    if content:
        (tmp_path / "orders.db").write_bytes(content)
    told = CliRunner().invoke(app, ["--config", str(config)])
    assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert "orders.db" in told.stderr
