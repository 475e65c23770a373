"""What the gateways accepted, held against what the cloud stored: the only judge of lost and counted twice.

The gateways' side logs are written outside the chain that is judged. The unit is one reading.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cloud.metering.store import Kept
from protocols.readings import Source, Value

REGISTER = "energy_import_wh"


class Accepted(NamedTuple):
    """One line of a gateway's side log."""

    gateway: str
    epoch: str
    seq: int
    meter: str
    at_ms: int
    wh: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """`stored` counts accepted readings found in the store; `lost` those neither there nor accounted for.

    `uneven` are the meters whose import register went on by another energy in the store than was accepted.
    """

    accepted: int
    stored: int
    lost: int
    counted_twice: int
    uneven: tuple[str, ...] = ()


def accepted(gateway: str, log: Path) -> Iterator[Accepted]:
    """The readings that a gateway's outbox took, in order; a line cut off by a kill is no reading."""
    if not log.exists():
        return
    for line in log.read_bytes().split(b"\n")[:-1]:
        row = json.loads(line)
        yield Accepted(gateway, row["epoch"], row["seq"], row["meter"], row["at_ms"], row.get("wh"))


def tally(
    taken: Iterable[Accepted], rows: Iterable[Kept], accounted: Callable[[str, str, int], bool]
) -> Tally:
    """`rows` is everything stored; `accounted(gateway, epoch, seq)` is true for dead-lettered and dropped."""
    values: Counter[tuple[str, int, str]] = Counter()
    registers: dict[tuple[str, int], Value] = {}
    for row in rows:
        if row.source is Source.POLLED:
            values[row.meter, row.at_ms, row.quantity] += 1
            if row.quantity == REGISTER:
                registers[row.meter, row.at_ms] = row.value
    present = {(meter, at_ms) for meter, at_ms, _ in values}
    log = list(taken)
    asked = Counter((each.meter, each.at_ms) for each in log)
    gone = [each for each in log if (each.meter, each.at_ms) not in present]
    lost = {(each.meter, each.at_ms) for each in gone if not accounted(each.gateway, each.epoch, each.seq)}
    twice = {(meter, at_ms) for (meter, at_ms, _), times in values.items() if times > 1}
    twice |= {reading for reading, times in asked.items() if times > 1}
    known = present | lost
    judged = [each for each in log if (each.meter, each.at_ms) in known]
    found = sum(reading in present for reading in asked)
    return Tally(len(asked), found, len(lost), len(twice), uneven(judged, registers))


def uneven(taken: Iterable[Accepted], registers: Mapping[tuple[str, int], Value]) -> tuple[str, ...]:
    """The meters whose last register less the first, of what was accepted, is not that of the store."""
    spans: dict[str, list[Accepted]] = {}
    for each in sorted(taken, key=lambda one: one.at_ms):
        if each.wh is not None:
            spans.setdefault(each.meter, []).append(each)
    return tuple(meter for meter, own in sorted(spans.items()) if not _same_energy(own, registers))


def _same_energy(own: Sequence[Accepted], registers: Mapping[tuple[str, int], Value]) -> bool:
    first, last = own[0], own[-1]
    stored = [registers.get((each.meter, each.at_ms)) for each in (first, last)]
    if stored[0] is None or stored[1] is None or first.wh is None or last.wh is None:
        return False
    return stored[1] - stored[0] == last.wh - first.wh
