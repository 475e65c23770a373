"""What the missing slots say by themselves: a gateway, or one line of several, of which no meter was read."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from cloud.metering.ledger.causes import Disturbance
from cloud.metering.ledger.counting import Sheet
from cloud.metering.ledger.days import Bits, runs
from cloud.metering.ledger.reasons import Cause
from cloud.metering.ledger.serving import Served

FEWEST = 3
"""So many meters that are missing at the same time are no chance."""


def patterns(made: Sheet, meters: Sequence[Served], missing: Bits) -> Iterator[Disturbance]:
    """Of a gateway with one line it cannot be told whether line or gateway: it is called the gateway."""
    lines: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, each in enumerate(meters):
        lines[each.gateway][each.line].append(row)
    for gateway, of_line in lines.items():
        everyone = [row for rows in of_line.values() for row in rows]
        quiet = _none(missing, everyone)
        yield from _runs(made, Cause.GATEWAY, ("gateway", gateway), quiet, len(everyone))
        for line, rows in of_line.items() if len(of_line) > 1 else ():
            alone = _none(missing, rows) & ~quiet
            yield from _runs(made, Cause.LINE, ("line", f"{gateway}/{line}"), alone, len(rows))


def _none(missing: Bits, rows: Sequence[int]) -> Bits:
    found: Bits = np.logical_and.reduce(missing[rows], axis=0)
    return found


def _runs(
    made: Sheet, cause: Cause, place: tuple[str, str], quiet: Bits, meters: int
) -> Iterator[Disturbance]:
    if meters < FEWEST:
        return
    for first, until in runs(quiet):
        told = {"what": "none_read", "meters": meters}
        yield Disturbance(cause, place, made.slots.at(first), made.slots.at(until), told)
