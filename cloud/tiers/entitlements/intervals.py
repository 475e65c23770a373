"""Plans how often each meter of a gateway is read: as promised, where the line has the time for it.

What a person set stays, and comes back when a promise ends; an interval is only ever shortened. The gateway
itself counts again and has the last word.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from protocols import models
from protocols.air_time import air_time_s, exchanges_of

LOST_SHARE: Final = 0.01
"""So many questions are asked a second time."""
TIMEOUT_S: Final = 2.0
DEFAULT_S: Final = 60
"""What a gateway takes where nothing says how often."""
_NO_GAPS: Final = "modbus-tcp"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is promised for one meter; `rank` orders who goes first where a line has not the time for all."""

    interval_s: int
    account: str
    rule: str
    rank: tuple[bool, int, str]


@dataclass(frozen=True, slots=True)
class Before:
    """What we set, and what stood there before us; None: nothing did."""

    before_s: int | None
    set_s: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One meter: what is promised, what stood there, and what is set (None: as it stands without us)."""

    meter: str
    line: str
    wanted: Wanted
    before_s: int | None
    set_s: int | None
    kept: bool


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """`document`: the settings with the intervals; `full`: lines that have not the time, with their load."""

    document: dict[str, Any]
    meters: tuple[Planned, ...]
    full: Mapping[str, float]


def plan(
    document: Mapping[str, Any],
    wanted: Mapping[str, Wanted],
    before: Mapping[str, Before],
    full_line: float,
) -> GatewayPlan:
    """The settings of one gateway, of which nothing changes but intervals of meters on its lines."""
    made: dict[str, Any] = copy.deepcopy(dict(document))
    usual_s = made.get("interval_s") or DEFAULT_S
    found: list[Planned] = []
    full: dict[str, float] = {}
    for line in made.get("line", ()):
        of_line = list(_restored(line, before))
        load = sum(_share(line, meter, meter.get("interval_s") or usual_s) for meter in line["meter"])
        asking = [(wanted[meter["id"]], meter, stood) for meter, stood in of_line if meter["id"] in wanted]
        for want, meter, stood in sorted(asking, key=lambda each: each[0].rank):
            as_is = meter.get("interval_s") or usual_s
            more = _share(line, meter, want.interval_s) - _share(line, meter, as_is)
            if want.interval_s >= as_is:
                found.append(Planned(meter["id"], line["name"], want, stood, None, kept=True))
            elif load + more > full_line:
                full[line["name"]] = load + more
                found.append(Planned(meter["id"], line["name"], want, stood, None, kept=False))
            else:
                load += more
                meter["interval_s"] = want.interval_s
                found.append(Planned(meter["id"], line["name"], want, stood, want.interval_s, kept=True))
    return GatewayPlan(made, tuple(found), full)


def _restored(
    line: dict[str, Any], before: Mapping[str, Before]
) -> Iterator[tuple[dict[str, Any], int | None]]:
    """Each meter as it stood before us; what a person changed since is theirs."""
    for meter in line["meter"]:
        ours = before.get(meter["id"])
        if ours is not None and meter.get("interval_s") == ours.set_s:
            meter.pop("interval_s")
            if ours.before_s is not None:
                meter["interval_s"] = ours.before_s
        yield meter, meter.get("interval_s")


def _share(line: Mapping[str, Any], meter: Mapping[str, Any], interval_s: int) -> float:
    return reading_s(line, meter) / interval_s


def reading_s(line: Mapping[str, Any], meter: Mapping[str, Any]) -> float:
    """Seconds of the line's time that one reading takes; an untold speed is that of the meter as shipped."""
    model = models.load(meter["model"])
    questions = len(exchanges_of(model))
    once = air_time_s(model, _byte_s(line, meter, model))
    retries = line.get("retries", 1)
    again = LOST_SHARE * questions * (line.get("timeout_s", TIMEOUT_S) + once / questions) if retries else 0.0
    return once + again


def _byte_s(line: Mapping[str, Any], meter: Mapping[str, Any], model: models.MeterModel) -> float:
    if line["kind"] == _NO_GAPS:
        return 0.0
    baud = meter.get("baud") or line.get("baud") or model.serial.baud
    parity = meter.get("parity") or line.get("parity") or model.serial.parity
    return (10 if parity == "none" else 11) / baud
