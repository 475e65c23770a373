"""Where ingest's time goes: the real service's `Ingest` and its callbacks, fed by hand, each step on a clock.

Run as `python -m tests.bench.parts CONFIG START_MS`, on a station whose service has ended; one JSON line of
CPU microseconds a reading. What the whole service takes beyond the sum is MQTT, threads and its jobs.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cloud.app import build
from cloud.fleet.intake import GROUP, Message
from cloud.kit.clock import SystemClock
from cloud.metering.ingest import Ingest
from cloud.settings import load as settings_in
from protocols.mqtt import topics
from tests.bench import load

FIRST, SEQS = 61, 16
"""What follows on the messages of the load, which were settled."""
STEPS = {"_sorted": "sort", "keep": "store", "commit": "records", "_work": "callbacks", "tell": "publish"}


class Watched:
    """CPU seconds by step, over all threads of this process; the steps of one are not in another."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(STEPS.values(), 0.0)
        self._inner_s = 0.0

    def over(self, ingest: Ingest) -> None:
        for method, name in STEPS.items():
            setattr(ingest, method, self._on_the_clock(name, getattr(ingest, method)))

    def _on_the_clock(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            before_s, outer_s, self._inner_s = time.process_time(), self._inner_s, 0.0
            try:
                return step(*args)
            finally:
                took_s = time.process_time() - before_s
                self.spent[name] += took_s - self._inner_s
                self._inner_s = outer_s + took_s

        return timed


def main(config: Path, start_ms: int) -> None:
    settings = settings_in(config)
    app = build(settings, SystemClock())
    groups = _groups(start_ms)
    app.ingest.take_many(groups[0])  # imports, caches, the first connections
    watched, began_s = Watched(), time.process_time()
    watched.over(app.ingest)
    for group in groups[1:]:
        app.ingest.take_many(group)
    total_s = time.process_time() - began_s
    readings = sum(map(len, groups[1:])) * load.READINGS
    state = app.ingest.state
    assert state.readings == readings + len(groups[0]) * load.READINGS, state
    spent = {"decode": total_s - sum(watched.spent.values())} | watched.spent
    print(json.dumps({f"{name}_us": took_s / readings * 1e6 for name, took_s in spent.items()}))
    app.stop()


def _groups(start_ms: int) -> list[Sequence[Message]]:
    found = [
        Message(topics.up(load.gateway(number), "readings"), payload, False, lambda: None)
        for one in load.payloads(start_ms, FIRST, SEQS)
        for number, payload in one
    ]
    return [found[first : first + GROUP] for first in range(0, len(found), GROUP)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
