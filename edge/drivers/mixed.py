"""One line, whatever its meters speak: DL/T 645 and Modbus RTU side by side over one link.

Each question goes out at its meter's own speed, and after a change of protocol only into a quiet line.
"""

from collections.abc import Mapping
from typing import Final

from edge.drivers import MeterTalk, nobody_waits
from edge.drivers.dlt645 import Dlt645Driver
from edge.drivers.modbus import ModbusDriver
from edge.links import Link, link_of
from edge.settings import LineSettings, MeterSettings
from protocols.dlt645.frame import Frame
from protocols.models import MeterModel
from protocols.readings import Value

SWITCH_S: Final = 0.05
"""Quiet after one protocol before the other: slaves of either take what came before as ended."""


class LineDriver:
    def __init__(
        self, line: LineSettings, models: Mapping[str, MeterModel], *, link: Link | None = None
    ) -> None:
        self._line, self._models = line, models
        self._link = link or link_of(line)
        self.between = nobody_waits
        self._last = ""  # the protocol that was spoken last
        modbus = {name: model for name, model in models.items() if model.protocol == "modbus"}
        dlt645 = {name: model for name, model in models.items() if model.protocol != "modbus"}
        self._modbus = ModbusDriver(line, modbus, retries=line.retries, link=self._link) if modbus else None
        self._dlt645 = Dlt645Driver(line, dlt645, link=self._link) if dlt645 else None
        for driver in (self._modbus, self._dlt645):
            if driver:
                driver.between = self._before

    @property
    def connected(self) -> bool:
        return self._link.connected

    @property
    def noise_bytes(self) -> int:
        return sum(driver.noise_bytes for driver in (self._modbus, self._dlt645) if driver)

    @property
    def bad_frames(self) -> int:
        """Corrupt frames, and sound ones that answered another question."""
        return sum(driver.bad_frames for driver in (self._modbus, self._dlt645) if driver)

    @property
    def garbled(self) -> int:
        """Modbus has a sum of 16 bits, and lets next to nothing through."""
        return self._dlt645.garbled if self._dlt645 else 0

    def open(self) -> None:
        self._link.open()

    def close(self) -> None:
        self._link.close()

    def interrupt(self) -> None:
        self._link.interrupt()

    def read(self, meter: MeterSettings) -> dict[str, Value]:
        return self._of(meter).read(meter)

    def probe(self, meter: MeterSettings) -> None:
        self._of(meter).probe(meter)

    def talk(self, meter: MeterSettings) -> MeterTalk:
        if self._dlt645 and self._models[meter.model].protocol != "modbus":
            return self._dlt645.talk(meter)
        assert self._modbus is not None, "a model of either protocol has its driver"
        return ModbusTalk(self._modbus, meter, self._models[meter.model])

    def _before(self, meter: MeterSettings) -> None:
        """Whoever has more right goes first, and may leave the line at another speed."""
        self.between(meter)
        protocol = "modbus" if self._models[meter.model].protocol == "modbus" else "dlt645"
        quiet_s = self._line.quiet_s(meter)
        self._link.gap_s = quiet_s if protocol == self._last else max(quiet_s, SWITCH_S)
        self._link.set_speed(*self._line.speed_of(meter))
        self._last = protocol

    def _of(self, meter: MeterSettings) -> "Dlt645Driver | ModbusDriver":
        driver = self._modbus if self._models[meter.model].protocol == "modbus" else self._dlt645
        assert driver is not None, "a model of either protocol has its driver"
        return driver


class ModbusTalk:
    """A Modbus meter, for a job."""

    def __init__(self, driver: ModbusDriver, meter: MeterSettings, model: MeterModel) -> None:
        self._driver, self.meter, self.model = driver, meter, model

    def ask(self, di: str, extra: bytes = b"") -> bytes:
        del di, extra
        raise self._other("no data identifiers")

    def order(self, request: Frame) -> Frame:
        del request
        raise self._other("no such orders")

    def tell(self, request: Frame) -> None:
        del request
        raise self._other("no such orders")

    def registers(self, fc: int, address: int, count: int) -> list[int]:
        return self._driver.registers(self.meter, fc, address, count)

    def values(self) -> dict[str, Value]:
        return self._driver.read(self.meter)

    def _other(self, lacking: str) -> ValueError:
        return ValueError(f"meter {self.meter.id} speaks Modbus: it has {lacking}")
