"""How much of an RS-485 line's time brings readings, on a simulated line that really takes its air time.

limit_s is what the wire needs for what was read: bytes × 11 bits ÷ baud, and 20 ms for each answer of a meter
(DL/T 645 asks for no other gap). taken_s is what it took, with every time-out in it. The simulator runs in a
process of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final

from edge.clock import SystemClock
from edge.poller import LinePoller
from edge.settings import LineSettings
from protocols.air_time import exchanges_of
from protocols.models import load
from protocols.readings import Reading
from tests.peer_environments import peer_python

MINUTES_ALIVE: Final = 2.0
MINUTES_DEAD: Final = 15.0
MINUTES_PEER: Final = 0.5
METERS: Final = 20
DEAD: Final = 2
DELAY_S: Final = 0.02
MODEL: Final = "dlt645-2007-3p"
BITS: Final = 11
PEER: Final = Path(__file__).parents[1] / "system" / "peers" / "dlt645" / "line_client.py"


def run(say: Callable[[str], None], minutes_dead: float = MINUTES_DEAD) -> Iterable[dict[str, Any]]:
    for baud in (2400, 9600):
        with simulated(baud) as endpoint:
            say(f"{baud} baud, all alive, {MINUTES_ALIVE:g} min")
            yield ours(endpoint, baud, dead=0, minutes=MINUTES_ALIVE)
            say(f"{baud} baud, one in ten dead, {minutes_dead:g} min")
            yield ours(endpoint, baud, dead=DEAD, minutes=minutes_dead)
            say(f"{baud} baud, PyPI dlt645, {MINUTES_PEER:g} min")
            yield theirs(endpoint, baud, MINUTES_PEER)


def ours(endpoint: str, baud: int, dead: int, minutes: float) -> dict[str, Any]:
    """A line that is asked for more than it can carry: it never rests."""
    on = settings(endpoint, baud, dead)
    kept: list[tuple[float, Reading]] = []
    over = Event()

    def accept(reading: Reading) -> bool:
        kept.append((time.monotonic(), reading))
        return True

    poller = LinePoller(on, SystemClock(), accept)
    began_s = time.monotonic()
    poller.start()
    over.wait(minutes * 60)
    poller.stop()
    poller.join(5)
    taken_s = kept[-1][0] - began_s
    whole = max(len(reading.values) for _, reading in kept)
    assert all(len(reading.values) == whole for _, reading in kept), "a reading that lacks values cost less"
    limit_s = len(kept) * limit_of_reading_s(baud)
    return result("wattpost", baud, dead / METERS, limit_s, taken_s, len(kept) * whole)


def theirs(endpoint: str, baud: int, minutes: float) -> dict[str, Any]:
    """The package's client reads the values that it can, meter by meter, as fast as it does."""
    port = endpoint.rpartition(":")[2]
    asked = [address(n) for n in range(METERS)]
    command = [str(peer_python("dlt645")), str(PEER), port, str(minutes * 60), *asked]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    limit_s = told["bytes"] * BITS / baud + told["answers"] * DELAY_S
    return result("PyPI dlt645", baud, 0.0, limit_s, told["taken_s"], told["answers"])


def result(
    tool: str, baud: int, dead_share: float, limit_s: float, taken_s: float, values: int
) -> dict[str, Any]:
    return {
        "baud": baud,
        "dead_share": dead_share,
        "limit_s": round(limit_s, 2),
        "taken_s": round(taken_s, 2),
        "efficiency": round(limit_s / taken_s, 4),
        "values_per_s": round(values / taken_s, 1),
        "tool": tool,
    }


def limit_of_reading_s(baud: int) -> float:
    return sum(each.size * BITS / baud + DELAY_S for each in exchanges_of(load(MODEL)))


def address(number: int) -> str:
    return f"{202600000000 + number}"


def settings(endpoint: str, baud: int, dead: int) -> LineSettings:
    """The dead ones lie spread among the others, and were never heard."""
    places = {(each + 1) * METERS // (dead + 1) for each in range(dead)}
    meters = [
        {
            "id": f"m{n}",
            "model": MODEL,
            "address": address(n + 500 if n in places else n),
            "interval_s": 24_000 // baud,
        }
        for n in range(METERS)
    ]
    told = {"name": f"at {baud}", "kind": "tcp", "endpoint": endpoint, "baud": baud, "meter": meters}
    return LineSettings.model_validate(told)


@contextmanager
def simulated(baud: int) -> Iterator[str]:
    line = f'[[line]]\nname = "L"\nkind = "dlt645-tcp"\nbaud = {baud}\ndelay_ms = {DELAY_S * 1000:g}\n'
    meters = "".join(
        f'[[meter]]\nid = "m{n}"\naddress = "{address(n)}"\nmodel = "{MODEL}"\narea = "A"\nline = "L"\n'
        for n in range(METERS)
    )
    with TemporaryDirectory() as folder:
        scenario = Path(folder) / "line.toml"
        scenario.write_text(f'seed = 7\n[[area]]\nid = "A"\n{line}{meters}')
        command = [sys.executable, "-m", "firmware_sim", "run", str(scenario), "--state-dir", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
            assert simulator.stdout is not None
            try:
                yield json.loads(simulator.stdout.readline())["lines"][0]["endpoint"]
            finally:
                simulator.terminate()
