"""The demo while it lives: programs started in order, watched, given one fault, drained and judged.

Simulator, gateways and cloud are the child processes anyone would start; nothing of them is imported.
"""

import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cloud.demo.outcome import Outcome, outcome
from cloud.demo.prepare import OPERATOR, SECOND, Prepared
from cloud.demo.programs import ROOT, Program, ProgramError, python, tool, wait_until
from cloud.demo.station import Paces, Place

DRAIN_S = 15.0
START_S = 60.0
DRAINED = "drained, the outbox is empty"
"""What a gateway says when everything it accepted is settled."""


@dataclass(slots=True)
class Demo:
    place: Place
    prepared: Prepared
    started_at: datetime
    say: Callable[[str], None]
    paces: Paces
    programs: list[Program] = field(default_factory=list)
    edges: list[Program] = field(default_factory=list)
    fault_at: datetime | None = None

    def start(self) -> None:
        """Simulator, cloud and gateways, each ready before the next needs it."""
        self.prepared.broker.start(self.prepared.broker_users)
        state = ("--state-dir", str(self.place.root))
        simulator = self._program("simulator", "firmware_sim", "run", str(self.place.scenario), *state)
        simulator.start(read_stdout=True)
        ready = simulator.first_line()
        self._program("cloud", "cloud", "run", "--config", str(self.place.cloud_toml)).start()
        self.edges = [self._edge(gateway, ready) for gateway in self.prepared.station.gateways]
        for edge in self.edges:
            edge.start()
        wait_until(self._answers, START_S, "the pages coming up", self.programs)

    def _edge(self, gateway: str, ready: Mapping[str, Any]) -> Program:
        text = self.prepared.station.gateway_toml(gateway, ready, self.place, self.paces)
        settings = self.place.gateway_toml(gateway)
        settings.write_text(text, encoding="utf-8")
        log = ("--accepted-log", str(self.place.accepted(gateway)))
        return self._program(gateway, "edge", "run", "--config", str(settings), *log)

    def _program(self, name: str, module: str, *args: str) -> Program:
        program = Program(name, python(module, *args), self.place.log(name))
        self.programs.append(program)
        return program

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.prepared.http_port)) == 0

    def fail_an_area(self) -> None:
        """Take the supply from an area in the middle, as a person would from a second terminal."""
        areas = self.prepared.station.areas
        area = areas[len(areas) // 2]
        told = tool("firmware_sim", "fault", "area-out", area, "--state-dir", str(self.place.root))
        self.fault_at = datetime.fromtimestamp(json.loads(told)["at_ms"] / 1000, UTC)
        self.say(f"area {area} has lost its supply (simulated)")

    def watch(self, seconds: float | None, ended: threading.Event) -> None:
        """Until the time is up or Ctrl-C; ProgramError when a program ends that should not."""
        left = seconds
        while left is None or left > 0:
            if ended.wait(1.0 if left is None else min(1.0, left)):
                return
            left = None if left is None else left - 1.0
            for program in self.programs:
                if not program.running:
                    raise ProgramError(program.told())

    def drain(self) -> None:
        """Polling stops; what is on its way may arrive, for a bounded time."""
        for edge in self.edges:
            edge.signal(signal.SIGUSR1)
        pause = threading.Event()
        for _ in range(int(DRAIN_S / 0.1)):
            if all(edge.said(DRAINED) for edge in self.edges):
                return
            pause.wait(0.1)

    def stop(self) -> None:
        """End everything that was started, the last one first."""
        while self.programs:
            self.programs.pop().stop()
        self.prepared.broker.stop()

    def outcome(self) -> Outcome:
        """What really happened, read from what the components left behind."""
        return outcome(self.place, self.prepared.station, self.started_at, self.fault_at)

    def addresses(self) -> str:
        """What a person needs to look around, and to break something."""
        base = f"http://127.0.0.1:{self.prepared.http_port}"
        customers = "\n".join(
            f"  portal    {base}/portal    {login} / {password}"
            for login, password in self.prepared.customer_passwords.items()
        )
        fault = f"{sys.executable} {ROOT / 'wattpost.py'} sim fault --state-dir {self.place.root}"
        return f"""
  console   {base}/console   {OPERATOR} / {self.prepared.operator_password}
            (a relay is opened by two)   {SECOND} / {self.prepared.second_password}
{customers}
  files     {self.place.root}

  Look at {base}/console/data : how completely meters were read and what is missing, with its cause;
  what validation found stands under Exceptions. The past fills in by itself within some minutes, and closed
  days are archived in {self.place.root / "archive"}.
  {base}/console/load shows load, losses and forecasts of the last days, {base}/console/customers who gets
  which service and why: tiers, promises, advice, campaigns, load response. Approve what the first operator
  proposed as the second one; what waits for a customer stands in their portal.

  In a second terminal: take the supply from an area, cut a line, darken a gateway, lose the broker. Pages
  tell of it after about 20 s, 80 s, 2 min and 35 s, since one missed answer proves nothing; --clear ends it.
    {fault} area-out {self.prepared.station.areas[-1]}
    {fault} line-cut line-{self.prepared.station.areas[0].lower()}
    {fault} gateway-dark {self.prepared.station.gateways[0]}
    {fault} broker-down {self.prepared.broker_address}
  Others: meter-dead, phase-lost, line-down, line-noise; `list` shows those that are active.
  Ctrl-C ends everything.
"""
