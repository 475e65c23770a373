"""A gateway and its meters in one thread and simulated time: real agent, drivers, codecs, meters; no sockets.

Time goes on while somebody waits for an answer or rests, so a week takes seconds.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from edge.agent import Agent
from edge.clock import Clock
from edge.drivers import Driver
from edge.drivers.mixed import LineDriver
from edge.links import LinkDown
from edge.orders.states import Entry
from edge.outbox import Outbox
from edge.poller import LinePoller
from edge.settings import Settings
from edge.uplink import Uplink
from firmware_sim import fleet, history, scenario
from firmware_sim.meter import Meter
from firmware_sim.stations import Dlt645Station, Ear, Request, RtuStation, Station, Stations
from protocols import models
from protocols.mqtt import messages
from protocols.mqtt.messages import ClockState
from protocols.readings import Quality, Reading, Source

REST_S = 60.0
THINKS_MS = 20
KEEP_MS = 20_000
"""Each of these the agent commits what was read."""


class World:
    """True time, the meters, and what happens to them; `monotonic` stands for the drivers' `time`."""

    def __init__(self, text: str, start: datetime) -> None:
        self._now_ms = start.timestamp() * 1000
        parsed = scenario.parse(text)
        self.meters = fleet.build(parsed)
        self.clock = self.meters.clock(self)
        self.cut = self.refuses = False
        self.altered: Callable[[Request, Callable[[Request], bytes]], bytes] = lambda asked, answer: answer(
            asked
        )
        """Between a request and its answer: who wants meters of other habits puts them here."""
        self._script: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def now_ms(self) -> int:
        return int(self._now_ms)

    def monotonic(self) -> float:
        return self._now_ms / 1000

    def at(self, when: datetime, act: Callable[[], object]) -> None:
        heapq.heappush(self._script, (when.timestamp() * 1000, next(self._number), lambda: (act(), None)[1]))

    def advance(self, seconds: float) -> None:
        self.move_to(self._now_ms + seconds * 1000)

    def move_to(self, at_ms: float) -> None:
        while self._script and self._script[0][0] <= at_ms:
            due_ms, _, act = heapq.heappop(self._script)
            self._now_ms = max(self._now_ms, due_ms)
            self.clock.now_ms()
            act()
        self._now_ms = max(self._now_ms, at_ms)

    def stations(self) -> list[Station]:
        return [
            RtuStation(each, self.clock) if each.model.protocol == "modbus" else Dlt645Station(each)
            for each in self.meters.values()
        ]

    def light(self, *meters: str, on: bool) -> None:
        for meter in meters:
            self.meters[meter].set_phases((on, on, on), self.now_ms())

    def shown(self, meter: Meter, at_ms: int) -> dict[str, Any]:
        """What its registers show then, digit for digit."""
        return dict(history.polled(meter, at_ms))

    def stamped_ms(self, meter: Meter, stamp_ms: int) -> int | None:
        """When the meter's clock showed that stamp."""
        return meter.clock.instant_of(stamp_ms, self.now_ms())


class GatewayClock:
    """True time, and by how much the gateway is wrong."""

    def __init__(self, world: World, boot: str) -> None:
        self._world, self.boot = world, boot
        self._booted_ms = world.now_ms()
        self.set(0)

    def set(self, ahead_s: float, *, synced: bool = True) -> None:
        self.ahead_s, self.synced = ahead_s, synced

    def now_ms(self) -> int:
        return self._world.now_ms() + round(self.ahead_s * 1000)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    def since_boot_ns(self) -> int:
        return (self._world.now_ms() - self._booted_ms + 1000) * 1_000_000

    def monotonic_s(self) -> float:
        return self.since_boot_ns() / 1e9

    def state(self) -> ClockState:
        return ClockState.SYNCED if self.synced else ClockState.UNSYNCED


class Wires:
    """The link: whoever is asked answers after 20 ms; nobody does on a cut line."""

    def __init__(self, world: World) -> None:
        self._world = world
        stations = world.stations()
        self._stations = Stations(stations)
        self._dlt645, self._rtu = Ear({"dlt645"}), Ear({"rtu"})
        self._coming = b""
        self.connected = False
        self.heard_s = self.gap_s = 0.0

    def open(self) -> None:
        if self._world.refuses:
            raise LinkDown("refused")
        self.connected = True

    def close(self) -> None:
        self.connected = False

    def write(self, data: bytes) -> None:
        if self._world.cut:
            return
        ear = self._dlt645 if data.lstrip(b"\xfe")[:1] == b"\x68" else self._rtu
        for request in ear.hear(data):
            for station in self._stations.asked(request):
                self._coming += self._world.altered(request, partial(self._answer, station))

    def _answer(self, station: Station, request: Request) -> bytes:
        return station.answer(request, self._world.clock.now_ms()) or b""

    def read(self, timeout_s: float) -> bytes:
        if not self._coming:
            self._world.advance(timeout_s)
            return b""
        self._world.advance(THINKS_MS / 1000)
        said, self._coming = self._coming, b""
        self.heard_s = self._world.monotonic()
        return said

    def discard(self) -> int:
        thrown, self._coming = len(self._coming), b""
        return thrown

    def distrust(self) -> None:
        self.discard()

    def set_speed(self, baud: int, parity: str) -> None: ...

    def interrupt(self) -> None: ...


class Noting(Uplink):
    """It is never connected; what it would have said is kept."""

    def __init__(self, *given: Any) -> None:
        self.said: list[tuple[str, bytes]] = []
        super().__init__(*given)

    def say(self, what: str, payload: bytes, retain: bool = False) -> None:
        self.said.append((what, payload))
        super().say(what, payload, retain)


class Watched(Agent):
    """Every reading is held against what the meter really shows, in the moment it is taken."""

    def __init__(self, world: World, settings: Settings, clock: GatewayClock) -> None:
        self._world, self._true = world, clock
        self.wrong: list[str] = []

        def pollers(settings: Settings, clock: Clock, accept: Callable[[Reading], bool]) -> list[Any]:
            return [Played(self, world, line, clock, accept) for line in settings.lines]

        super().__init__(settings, clock, make_uplink=Noting, make_pollers=pollers)

    def accept(self, reading: Reading) -> bool:
        if fault := self._fault(reading):
            self.wrong.append(f"{reading}: {fault}")
        return super().accept(reading)

    def _fault(self, reading: Reading) -> str:
        meter, now_ms = self._world.meters[reading.meter], self._world.now_ms()
        if "clock_offset_s" in reading.values:
            off_s = meter.clock.offset_ms(now_ms) / 1000 + self._true.ahead_s * -1
            return (
                "" if abs(reading.values["clock_offset_s"] - off_s) < 1.5 else f"its clock is off by {off_s}"
            )
        if reading.source is Source.POLLED:
            if reading.quality is Quality.GOOD and abs(reading.at_ms - now_ms) > 60_000:
                return "dated wrong, and not flagged"
            return self._unlike(meter, reading, now_ms - 60_000, now_ms)
        made_ms = self._world.stamped_ms(meter, reading.at_ms)
        if made_ms is None or made_ms < meter.since_ms:
            return "this meter was not there then"
        return self._unlike(meter, reading, made_ms, made_ms)

    def _unlike(self, meter: Meter, reading: Reading, from_ms: int, to_ms: int) -> str:
        value = reading.values.get("energy_import_wh")
        low, high = (
            self._world.shown(meter, max(at, meter.since_ms))["energy_import_wh"] for at in (from_ms, to_ms)
        )
        fits = low <= value <= high if low <= high else value >= low or value <= high
        return "" if fits else f"it shows {low} to {high}"


class Played(LinePoller):
    """Our poller in the thread that calls `play`; where it rests, the agent works and time goes on."""

    def __init__(self, agent: Watched, world: World, line: Any, clock: Clock, accept: Any) -> None:
        found = {each.model: models.load(each.model) for each in line.meters}
        driver = LineDriver(line, found, link=cast(Any, Wires(world)))
        super().__init__(line, clock, accept, 300.0, driver=cast(Driver, driver))
        self._agent, self._world, self._until_ms = agent, world, 0
        self._kept_ms = 0

    def play(self, until_ms: int) -> None:
        self._until_ms = until_ms
        self._run()

    def _rest(self, rest_s: float) -> None:
        if self._world.now_ms() >= self._until_ms:
            self._stopping.set()
            return
        if rest_s > 0 and self._world.now_ms() - self._kept_ms > KEEP_MS:
            self._kept_ms = self._world.now_ms()
            self._agent.tick()
        self._agent.memory.tick()
        if rest_s > 0 and not len(self._jobs):
            left_s = (self._until_ms - self._world.now_ms()) / 1000 + 0.001
            self._world.advance(min(rest_s, left_s))


class Gateway:
    """One gateway over many starts; whatever was accepted is in its outbox."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.settings = world, settings
        self.wrong: list[str] = []
        self.ends: dict[str, Entry] = {}
        self.said: list[tuple[str, bytes]] = []
        self._starts = count(1)
        self.clock = GatewayClock(world, "boot-0")
        self.agent: Watched

    def run(self, until: datetime, *, kill: bool = False, ahead_s: float = 0, synced: bool = True) -> None:
        self.clock = GatewayClock(self.world, f"boot-{next(self._starts)}")
        self.clock.set(ahead_s, synced=synced)
        self.agent = Watched(self.world, self.settings, self.clock)
        self.agent.commander.start()
        [poller] = self.agent._lines
        cast(Played, poller).play(round(until.timestamp() * 1000))
        self.wrong += self.agent.wrong
        if not kill:
            self.agent.flush(everything=True)
            self.agent.memory.close()
        else:
            self.agent.memory.gaps._file.close()  # what was not on disk is lost
        ledger = self.agent.commander.ledger
        self.ends |= {entry.order.id: entry for entry in ledger.unheard()}
        self.said += cast(Noting, self.agent.uplink).said
        ledger.close()
        self.agent.outbox.close()

    def off_until(self, when: datetime) -> None:
        self.world.move_to(when.timestamp() * 1000)

    def accepted(self) -> Iterator[Reading]:
        outbox = Outbox(Path(self.settings.data_dir) / "outbox.db", self.settings.gateway, self.clock)
        after = 0
        try:
            while batches := outbox.unsettled(500, after):
                after = batches[-1].id
                for batch in batches:
                    for row in messages.decode(batch.payload, messages.Readings).readings:
                        yield messages.reading(row)
        finally:
            outbox.close()


@pytest.fixture
def in_simulated_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], None]:
    def begin(world: World) -> None:
        for module in ("talk", "dlt645", "modbus"):
            monkeypatch.setattr(f"edge.drivers.{module}.time", world)
        monkeypatch.setattr("edge.poller.LOOK_AGAIN_S", REST_S)

    return begin
