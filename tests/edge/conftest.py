"""On loopback a byte is there at once: drivers wait a fifth of the time that real lines may take."""

import pytest


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("talk", "dlt645", "modbus"):
        monkeypatch.setattr(f"edge.drivers.{module}.GAP_S", 0.1)
    monkeypatch.setattr("edge.links.FLUSH_S", 0.1)
    monkeypatch.setattr("edge.poller.LOOK_AGAIN_S", 0.1)
