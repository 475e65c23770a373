"""The load: a process of its own that publishes messages made beforehand and counts what is `Stored`.

Run as `python -m tests.bench.generator JSON`; it says `ready`, waits for a line, and ends with one JSON line.
Each gateway keeps at most `window` batches unsettled, as a real one does.
"""

import json
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.window import BACKLOG_LEAST, BACKLOG_LIMIT, BACKLOG_TRIP_S
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Readings, Stored
from tests.bench import load

LIVE_EVERY_S = 1.0
_PART = 5


class Generator:
    """`plan`: port, user, password, start_ms, seqs, window, adapts, live, phases [[seconds, rate]]."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._lock = plan, threading.Condition()
        self._sent = [0] * load.GATEWAYS
        self._settled = [0] * load.GATEWAYS
        self._window = [BACKLOG_LEAST if plan["adapts"] else plan["window"]] * load.GATEWAYS
        self._under_way: dict[tuple[int, int], float] = {}
        self._live: dict[tuple[int, int], float] = {}
        self._waits_s: list[float] = []
        self._marks: list[tuple[float, int]] = []
        self._payloads: list[Sequence[bytes]] = _made(plan)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "load")
        self._client.username_pw_set(plan["user"], plan["password"])
        self._client.max_inflight_messages_set(4000)
        self._client.on_message = self._told
        self._client.connect("127.0.0.1", plan["port"])
        self._client.subscribe("wattpost/v1/+/down/stored", 1)
        self._client.loop_start()

    def _told(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        stored, now = messages.decode(bytes(message.payload), Stored), time.monotonic()
        number = int(stored.gateway[3:])
        with self._lock:
            if stored.epoch == "live":
                for low, high in stored.settled:
                    for seq in range(max(low, high - 64), high + 1):
                        if (sent := self._live.pop((number, seq), None)) is not None:
                            self._waits_s.append(now - sent)
            elif stored.settled[0][0] == 1:
                self._adapt(number, stored.settled[0][1], now)
                self._settled[number] = max(self._settled[number], stored.settled[0][1])
                self._marks.append((now, sum(self._settled)))
            self._lock.notify()

    def _adapt(self, number: int, upto: int, now: float) -> None:
        """The share of the backlog in a gateway's window, by how long its batches take (edge/window.py)."""
        if not self._plan["adapts"] or (sent := self._under_way.pop((number, upto), None)) is None:
            return
        fast_s, slow_s = BACKLOG_TRIP_S
        if now - sent < fast_s:
            self._window[number] = min(self._window[number] + 1, BACKLOG_LIMIT)
        elif now - sent > slow_s:
            self._window[number] = max(self._window[number] * 3 // 4, BACKLOG_LEAST)

    def run(self) -> dict[str, Any]:
        began_s = time.monotonic()
        phases, running = [], threading.Event()
        if self._plan["live"]:
            threading.Thread(target=self._say_live, args=(running,), daemon=True).start()
        for seconds, rate in self._plan["phases"]:
            before = sum(self._sent)
            phases.append([time.monotonic(), self._phase(seconds, rate) - before])
        sent, ended_s = sum(self._sent), time.monotonic()
        with self._lock:
            self._lock.wait_for(lambda: sum(self._settled) >= sent, 60)
        running.set()
        settled = sum(self._settled)
        self._client.loop_stop()
        return {
            "sent": sent, "settled": settled, "phases": phases, "began_s": began_s, "ended_s": ended_s,
            "settled_s": self._marks[-1][0] if self._marks else 0.0, "marks": self._marks[::10],
            "live_s": sorted(self._waits_s), "live_open": len(self._live),
            "cpu_s": time.process_time() - self._cpu_before,
        }  # fmt: skip

    def start_counting(self) -> None:
        self._cpu_before = time.process_time()

    def _phase(self, seconds: float, rate: float) -> int:
        """Publish in turn, at `rate` or as fast as windows let; gives how many were sent so far."""
        began_s, before = time.monotonic(), sum(self._sent)
        while (now := time.monotonic()) < began_s + seconds:
            behind = (now - began_s) * rate - (sum(self._sent) - before) if rate else 1.0
            number = min(range(load.GATEWAYS), key=self._sent.__getitem__)
            if self._sent[number] >= len(self._payloads):
                break
            with self._lock:
                open_ = [each for each in range(load.GATEWAYS) if self._room(each)]
                if behind < 1 or not open_:
                    self._lock.wait(0.02)
                    continue
            number = min(open_, key=self._sent.__getitem__)
            seq = self._sent[number]
            self._under_way[number, seq + 1] = time.monotonic()
            self._client.publish(
                topics.up(load.gateway(number), "readings"), self._payloads[seq][number], qos=1
            )
            self._sent[number] += 1
        return sum(self._sent)

    def _room(self, number: int) -> bool:
        return self._sent[number] - self._settled[number] < self._window[number] and self._sent[number] < len(
            self._payloads
        )

    def _say_live(self, ended: threading.Event) -> None:
        rng, seq = Random(9), 0
        while not ended.wait(LIVE_EVERY_S):
            seq += 1
            for number in range(load.GATEWAYS):
                # between the slots of the history: a key of its own
                row = load.reading(number * load.PER_GATEWAY, 0, self._plan["start_ms"] + seq * 997, rng)
                live = Readings(gateway=load.gateway(number), epoch="live", seq=seq, readings=[row])
                with self._lock:
                    self._live[number, seq] = time.monotonic()
                self._client.publish(
                    topics.up(load.gateway(number), "readings"), messages.encode(live), qos=1
                )


def _made(plan: dict[str, Any]) -> list[Sequence[bytes]]:
    parts = [(plan["start_ms"], first, _PART) for first in range(1, plan["seqs"] + 1, _PART)]
    with ProcessPoolExecutor(2) as pool:
        return [seq for part in pool.map(_make, parts) for seq in part]


def _make(part: tuple[int, int, int]) -> list[list[bytes]]:
    return [[payload for _, payload in one] for one in load.payloads(*part)]


if __name__ == "__main__":
    generator = Generator(json.loads(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    generator.start_counting()
    print(json.dumps(generator.run()), flush=True)
