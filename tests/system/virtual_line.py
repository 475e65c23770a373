"""A simulated line in virtual time: the simulator's own buses and faults, and our poller on the other end.

Nothing sleeps and nothing goes through the kernel: an hour on the line takes a fraction of a second, and the
same seed gives the same bytes at the same instants.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from edge.drivers import Driver
from edge.drivers.mixed import LineDriver
from edge.links import FLUSH_S, QUIET_S
from edge.poller import LinePoller
from edge.settings import LineSettings, MeterSettings
from firmware_sim import fleet, history, scenario
from firmware_sim.air import Party
from firmware_sim.bus import Bus, Client
from firmware_sim.fault_book import FaultBook
from firmware_sim.modbus_bus import RtuSlaves
from firmware_sim.noise import Wire
from firmware_sim.stations import Dlt645Station, RtuStation, Station
from firmware_sim.tcp_wire import TcpWire
from firmware_sim.transcript import Transcript
from protocols import models
from protocols.modbus.rtu import crc
from protocols.mqtt.messages import ClockState
from protocols.readings import Reading, Value

START_MS = 1_795_320_000_000
BUS = "bus"
TURN_S = 5e-4
"""What one turn of the event loop costs; who looks at the time again and again gets somewhere so."""


class _Selector(selectors.SelectSelector):
    """Waits by moving the time on."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for nothing"
        self.now_s += max(timeout, TURN_S)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s

    def wait(self, seconds: float, event: asyncio.Event | None = None) -> None:
        """Let everything happen for so long, or until the event."""

        async def waiting() -> None:
            try:
                async with asyncio.timeout(seconds):
                    await (event or asyncio.Event()).wait()
            except TimeoutError:
                pass

        self.run_until_complete(waiting())

    def settle(self) -> None:
        """Let happen what is due now."""

        async def turns() -> None:
            for _ in range(3):
                await asyncio.sleep(0)

        self.run_until_complete(turns())


class VirtualClock:
    """Both the gateway's clock and the meters'; also stands for the module `time` in our drivers."""

    boot = "virtual"

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now_ms(self) -> int:
        return START_MS + round(self._loop.time() * 1000)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    def since_boot_ns(self) -> int:
        return round(self._loop.time() * 1e9)

    def monotonic_s(self) -> float:
        return self._loop.time()

    monotonic = monotonic_s

    def state(self) -> ClockState:
        return ClockState.SYNCED


class Ends:
    """The simulated side of a line: what a connection to it is."""

    def __init__(self, text: str) -> None:
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        parsed = scenario.parse(text)
        self.meters = fleet.build(parsed)
        self.book = FaultBook(parsed.seed, BUS)
        self.transcript = Transcript(100_000)
        self._clock = self.meters.clock(self.clock)
        self._plan = next(plan for plan in parsed.lines if plan.name == BUS)
        self._wire = Wire(parsed.seed, BUS, self._plan.noise)
        plans = {plan.id: plan for plan in parsed.meters}
        stations = [self._station(each.id) for each in self.meters.values()]
        self._bus = Bus(self._plan, stations, plans, self._wire, self._clock, self.transcript, self.book)

    def _station(self, name: str) -> Station:
        meter = self.meters[name]
        return RtuStation(meter, self._clock) if _is_modbus(name, self.meters) else Dlt645Station(meter)

    def connect(self, heard: Callable[[bytes], None]) -> Callable[[bytes], Coroutine[Any, Any, None]]:
        """What takes the bytes that a new client sends."""
        if self._plan.kind == "modbus-tcp":
            return self._modbus_tcp(heard)
        client = Client(self._bus, Party(lambda data, _at_s: heard(data)))
        self._bus.clients.append(client.party)
        return client.hear

    def _modbus_tcp(self, heard: Callable[[bytes], None]) -> Callable[[bytes], Coroutine[Any, Any, None]]:
        """The simulator's wire of a Modbus TCP connection, with the registers behind it and no socket."""
        units = {int(meter.address): meter.id for meter in self.meters.values()}
        wire = TcpWire(BUS, self._wire, self._clock, self.transcript, self.book, units.get)
        slaves = RtuSlaves(list(self.meters.values()), self._clock)

        async def take(packet: bytes) -> None:
            await asyncio.sleep(self._plan.delay_ms / 1000)
            wire.asked(packet)
            slaves.idle()
            said = slaves.hear(packet[6:] + crc(packet[6:])) or b""
            body = said[:-2]
            answer = packet[:4] + len(body).to_bytes(2, "big") + body if body else b""
            if at_once := wire.reply(answer, heard):
                heard(at_once)

        return take

    def truth(self, meter: str, at_ms: int) -> Mapping[str, Value]:
        """What the meter shows at that instant, digit for digit."""
        return history.polled(self.meters[meter], at_ms)

    def close(self) -> None:
        self._bus.stop()
        self.loop.settle()
        self.loop.close()


def _is_modbus(name: str, meters: fleet.Fleet) -> bool:
    return meters[name].model.protocol == "modbus"


class VirtualLink:
    """A link of ours in virtual time; `anew`: what it does after a time-out, as TCP and serial links do."""

    def __init__(self, ends: Ends, anew: bool) -> None:
        self._ends, self._anew = ends, anew
        self._heard = bytearray()
        self._arrived = asyncio.Event()
        self._connections = 0
        self._take: Callable[[bytes], Coroutine[Any, Any, None]] | None = None
        self.heard_s = self.gap_s = 0.0

    @property
    def connected(self) -> bool:
        return self._take is not None

    def open(self) -> None:
        if self._take is None:
            self._connections += 1
            number = self._connections
            self._take = self._ends.connect(lambda data: self._hear(number, data))

    def close(self) -> None:
        self._take = None
        self._connections += 1
        self._heard.clear()

    def _hear(self, number: int, data: bytes) -> None:
        if number == self._connections:
            self._heard += data
            self._arrived.set()

    def write(self, data: bytes) -> None:
        assert self._take is not None
        self._ends.loop.create_task(self._take(bytes(data)))

    def read(self, timeout_s: float) -> bytes:
        if not self._heard and timeout_s > 0:
            self._ends.loop.wait(timeout_s, self._arrived)
        elif not self._heard:
            self._ends.loop.settle()
        data = bytes(self._heard)
        self._heard.clear()
        self._arrived.clear()
        if data:
            self.heard_s = self._ends.loop.time()
        return data

    def discard(self) -> int:
        return len(self.read(0))

    def distrust(self) -> None:
        if self._anew:
            self.close()
            self.open()
            return
        end_s = self._ends.loop.time() + FLUSH_S
        while self._ends.loop.time() < end_s and self.read(QUIET_S):
            pass

    def set_speed(self, baud: int, parity: str) -> None: ...

    def interrupt(self) -> None: ...


class Seen(LineDriver):
    """Our driver, and a note of each reading: meter, begin, end, values."""

    def __init__(self, ends: Ends, line: LineSettings, anew: bool) -> None:
        found = {each.model: models.load(each.model) for each in line.meters}
        super().__init__(line, found, link=VirtualLink(ends, anew))
        self._clock = ends.clock
        self.reads: list[tuple[str, int, int, Mapping[str, Value]]] = []
        self.longest_ms = 0

    def read(self, meter: MeterSettings) -> dict[str, Value]:
        began_ms = self._clock.now_ms()
        try:
            values = super().read(meter)
        finally:
            self.longest_ms = max(self.longest_ms, self._clock.now_ms() - began_ms)
        self.reads.append((meter.id, began_ms, self._clock.now_ms(), dict(values)))
        return values


class Played(LinePoller):
    """Our poller in the thread that calls `play`; where it would rest, virtual time goes on."""

    def __init__(self, ends: Ends, line: LineSettings, driver: Seen, script: Mapping[float, Any]) -> None:
        self.readings: list[tuple[int, Reading]] = []
        """With the instant at which the meter was asked first."""
        super().__init__(line, ends.clock, self._keep, 120.0, driver=cast(Driver, driver))
        self._seen, self._kept_reads = driver, 0
        self._loop, self._script = ends.loop, dict(script)

    def _keep(self, reading: Reading) -> bool:
        since = self._seen.reads[self._kept_reads :]
        began_ms = min(began for meter, began, *_ in since if meter == reading.meter)
        self.readings.append((began_ms, reading))
        self._kept_reads = len(self._seen.reads)
        return True

    def play(self, until_s: float) -> None:
        self._script[until_s] = self.stop
        self._run()

    def _rest(self, rest_s: float) -> None:
        if rest_s > 0:
            self._loop.wait(rest_s)
        for at_s in sorted(self._script):
            if at_s <= self._loop.time():
                self._script.pop(at_s)()
