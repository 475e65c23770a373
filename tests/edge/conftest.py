"""On loopback a byte is there at once: nothing waits as long as it may take on real lines and links."""

import pytest


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("talk", "dlt645", "modbus"):
        monkeypatch.setattr(f"edge.drivers.{module}.GAP_S", 0.1)
    monkeypatch.setattr("edge.links.FLUSH_S", 0.1)
    monkeypatch.setattr("edge.poller.LOOK_AGAIN_S", 0.1)
    monkeypatch.setattr("edge.uplink._FIRST_RETRY_S", 0.2)
    monkeypatch.setattr("edge.uplink.ANSWER_5_S", 1.0)
