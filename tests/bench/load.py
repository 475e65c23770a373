"""What the load benches share: a station of 2,000 meters behind 20 gateways, its history, its messages."""

import resource
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from cloud.metering.store import BatchOfReadings, ReadingStore
from protocols.mqtt import messages
from protocols.mqtt.messages import Readings
from protocols.readings import Reading, Source

METERS, GATEWAYS, INTERVAL_MS = 2000, 20, 900_000
PER_GATEWAY: Final = METERS // GATEWAYS
ROUNDS_A_MESSAGE = 5
READINGS: Final = PER_GATEWAY * ROUNDS_A_MESSAGE
VALUES: Final = 8
FILL_ROUNDS = 625
"""10 million values."""
_FILL_AT_ONCE = 25


def gateway(number: int) -> str:
    return f"gw-{number:02}"


def meter(number: int) -> str:
    return f"M-{number:04}"


def registry(meters: int = METERS, gateways: int = GATEWAYS) -> dict[str, Any]:
    return {
        "area": [{"id": "A01", "name": "A01", "feeder": "F01"}],
        "gateway": [{"id": gateway(each), "name": gateway(each)} for each in range(gateways)],
        "meter": [
            {"id": meter(each), "address": f"{each:012}", "model": "dlt645-2007-1p", "area": "A01",
             "gateway": gateway(each * gateways // meters), "line": "north", "phase": "l1",
             "interval_s": INTERVAL_MS // 1000}
            for each in range(meters)
        ],
    }  # fmt: skip


def reading(number: int, round_: int, start_ms: int, rng: Random) -> Reading:
    """Eight quantities of a single-phase meter."""
    power_w = rng.randrange(30, 3000)
    values = {
        "energy_import_wh": 10_000_000 + number * 1000 + round_ * 137, "energy_export_wh": 0,
        "voltage_l1_v": rng.randrange(2200, 2400) / 10, "current_l1_a": power_w // 23 / 10,
        "power_w": float(power_w), "reactive_power_var": float(power_w // 9),
        "power_factor": rng.randrange(900, 1000) / 1000, "frequency_hz": rng.randrange(4998, 5003) / 100,
    }  # fmt: skip
    return Reading(meter(number), start_ms + round_ * INTERVAL_MS + number, Source.POLLED, values)


def fill(store: ReadingStore, start_ms: int, rounds: int = FILL_ROUNDS, meters: int = METERS) -> int:
    """Write the history of `rounds` slots; gives how many values that is."""
    rng, seq = Random(5), 0
    for first in range(0, rounds, _FILL_AT_ONCE):
        span = range(first, min(first + _FILL_AT_ONCE, rounds))
        group = []
        for begin in range(0, meters, PER_GATEWAY):
            seq += 1
            mine = range(begin, min(begin + PER_GATEWAY, meters))
            rows = [reading(number, round_, start_ms, rng) for round_ in span for number in mine]
            group.append(BatchOfReadings("history", "fill", seq, rows))
        store.write_many(group)
    return rounds * meters * VALUES


def payloads(start_ms: int, first_seq: int, count: int) -> Iterator[list[tuple[int, bytes]]]:
    """One list a sequence number: (gateway's number, message of 500 readings) of each gateway."""
    rng = Random(first_seq)
    for seq in range(first_seq, first_seq + count):
        rounds = range(FILL_ROUNDS + (seq - 1) * ROUNDS_A_MESSAGE, FILL_ROUNDS + seq * ROUNDS_A_MESSAGE)
        yield [(number, _message(number, seq, rounds, start_ms, rng)) for number in range(GATEWAYS)]


def _message(number: int, seq: int, rounds: range, start_ms: int, rng: Random) -> bytes:
    mine = range(number * PER_GATEWAY, (number + 1) * PER_GATEWAY)
    rows = [reading(each, round_, start_ms, rng) for round_ in rounds for each in mine]
    return messages.encode(Readings(gateway=gateway(number), epoch="load", seq=seq, readings=rows))


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
