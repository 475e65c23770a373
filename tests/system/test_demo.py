"""`wattpost demo` unattended, on either broker: one outage, one order, a notice each, nothing lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("broker", ["mosquitto", "embedded"])
def test_the_demo_reports_what_its_components_did(broker: str) -> None:
    size = ["--areas", "3", "--meters", "5", "--days", "1", "--port", "0", "--broker", broker]
    done = subprocess.run(
        [sys.executable, "wattpost.py", "demo", "--for", "44s", "--json", *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["meters"] == 15
    assert told["readings_accepted"] == told["readings_stored"] > 30
    assert (told["lost"], told["counted_twice"]) == (0, 0)
    assert (told["outages"], told["work_orders"], told["notices"]) == (1, 1, 4)
    assert 0 < told["seconds_to_first_reading"] < 60
    assert 0 < told["seconds_outage_to_notice"] < 25


def test_a_duration_that_is_none_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "wattpost.py", "demo", "--for", "soon"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "write it like 60s" in done.stderr


@pytest.mark.timeout(60)
def test_a_demo_ended_while_it_prepares_says_so_and_leaves_no_folder(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "wattpost.py", "demo", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with demo:
        assert demo.stderr is not None
        assert demo.stderr.readline().startswith("preparing")
        os.killpg(demo.pid, signal.SIGINT)
        said = demo.stderr.read()
    assert (demo.returncode, said.splitlines()[-1]) == (1, "wattpost demo: ended before the station stood")
    assert list(tmp_path.iterdir()) == []
