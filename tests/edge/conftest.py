"""On loopback a byte is there at once: nothing waits as long as it may take on real lines and links."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import require_program


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("talk", "dlt645", "modbus"):
        monkeypatch.setattr(f"edge.drivers.{module}.GAP_S", 0.1)
    monkeypatch.setattr("edge.links.FLUSH_S", 0.1)
    monkeypatch.setattr("edge.poller.LOOK_AGAIN_S", 0.1)
    monkeypatch.setattr("edge.uplink._FIRST_RETRY_S", 0.2)
    monkeypatch.setattr("edge.session.ANSWER_5_S", 1.0)


@pytest.fixture
def serial_pair(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two serial devices with a wire between them, made by socat."""
    socat = require_program("socat")
    ends = tmp_path / "a", tmp_path / "b"
    with subprocess.Popen([socat, *(f"pty,raw,echo=0,link={end}" for end in ends)]) as wire:
        deadline_s = time.monotonic() + 10
        while not all(end.exists() for end in ends):
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        try:
            yield str(ends[0]), str(ends[1])
        finally:
            wire.terminate()
