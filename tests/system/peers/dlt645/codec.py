"""Decode and encode frames with the PyPI package dlt645 3.2.0, timed; runs in that package's own environment.

First line of stdin: a JSON object with `replies` (hex) and `requests` ([address low byte first, identifier]).
Answers with the values it decodes. Then each line is `decode SECONDS` or `encode SECONDS` and is answered
with frames per second. Only the package's quickest way is taken: its stream parser, its table, its BCD.
"""

import json
import struct
import sys
from time import perf_counter

from dlt645 import DLT645Protocol, MeterServerService  # noqa: F401  (the service fills the table)
from dlt645.common.transform import bcd_to_float
from dlt645.model.data.define import DIMap
from loguru import logger

READ = 0x11
PASSES = 20


def main() -> None:
    logger.remove()
    job = json.loads(sys.stdin.readline())
    replies = [bytes.fromhex(reply) for reply in job["replies"]]
    requests = [(bytes.fromhex(address), int(di, 16)) for address, di in job["requests"]]
    say(decode(replies))
    for line in sys.stdin:
        work, seconds = line.split()
        job = (decode, replies) if work == "decode" else (encode, requests)
        say(rate(*job, float(seconds)))


def decode(replies: list[bytes]) -> list[float]:
    values, left = [], b""
    for raw in replies:
        left, frame = DLT645Protocol.deserialize_with_remaining(left + raw)
        data = frame.data
        item = DIMap[struct.unpack("<I", data[:4])[0]]
        values.append(bcd_to_float(data[4:], item.data_format, "little"))
    return values


def encode(requests: list[tuple[bytes, int]]) -> list[bytearray]:
    return [DLT645Protocol.build_frame(address, READ, struct.pack("<I", di)) for address, di in requests]


def rate(work, frames, seconds: float) -> float:
    done, began = 0, perf_counter()
    while (spent := perf_counter() - began) < seconds:
        for _ in range(PASSES):
            work(frames)
        done += PASSES * len(frames)
    return done / spent


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


main()
