"""What the gateways accepted, held against what the cloud stored: the only judge of lost and counted twice.

The gateways' side logs are written outside the chain that is judged. The unit is one reading.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cloud.metering.store import Kept
from protocols.readings import Source


class Accepted(NamedTuple):
    """One line of a gateway's side log."""

    gateway: str
    epoch: str
    seq: int
    meter: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Tally:
    """`stored` counts accepted readings found in the store; `lost` those neither there nor accounted for."""

    accepted: int
    stored: int
    lost: int
    counted_twice: int


def accepted(gateway: str, log: Path) -> Iterator[Accepted]:
    """The readings that a gateway's outbox took, in order; a line cut off by a kill is no reading."""
    if not log.exists():
        return
    for line in log.read_bytes().split(b"\n")[:-1]:
        row = json.loads(line)
        yield Accepted(gateway, row["epoch"], row["seq"], row["meter"], row["at_ms"])


def tally(
    taken: Iterable[Accepted], rows: Iterable[Kept], accounted: Callable[[str, str, int], bool]
) -> Tally:
    """`rows` is everything stored; `accounted(gateway, epoch, seq)` is true for dead-lettered and dropped."""
    values = Counter((row.meter, row.at_ms, row.quantity) for row in rows if row.source is Source.POLLED)
    present = {(meter, at_ms) for meter, at_ms, _ in values}
    log = list(taken)
    asked = Counter((each.meter, each.at_ms) for each in log)
    gone = [each for each in log if (each.meter, each.at_ms) not in present]
    lost = {(each.meter, each.at_ms) for each in gone if not accounted(each.gateway, each.epoch, each.seq)}
    twice = {(meter, at_ms) for (meter, at_ms, _), times in values.items() if times > 1}
    twice |= {reading for reading, times in asked.items() if times > 1}
    return Tally(len(asked), sum(reading in present for reading in asked), len(lost), len(twice))
