"""A reading: what one meter said at one instant."""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b

import msgspec

Value = int | float
"""Counters are int (Wh, varh), gauges are finite float. A value that is not available is left out."""


class Source(StrEnum):
    """Where a value comes from; part of its identity."""

    POLLED = "polled"
    FREEZE = "freeze"
    PROFILE = "profile"
    FIELD = "field"
    IMPORT = "import"


class Quality(StrEnum):
    """What the gateway knew against the reading when it took it."""

    GOOD = "good"
    CLOCK_UNSURE = "clock_unsure"  # the gateway's own time was not proved
    METER_CLOCK_OFF = "meter_clock_off"  # stamped by a meter whose clock is beyond the limit
    SUSPECT = "suspect"  # said twice, and hard to believe: a register that fell, an advance beyond the rating


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """On the wire: [meter, at_ms, source, {quantity: value}, quality].

    `at_ms` is Unix time in ms, UTC: the gateway's for polled values, the meter's own stamp for the rest.

    A meter's stamp is never corrected here: what its clock was off by is the quantity `clock_offset_s`.
    """

    meter: str
    at_ms: int
    source: Source
    values: Mapping[str, Value]
    quality: Quality = Quality.GOOD


def trace_id(meter: str, at_ms: int, source: str = Source.POLLED) -> str:
    """The id that goes along from the meter's frame to the customer's notice: 16 hex digits.

    It is derived from the reading's identity, so both ends know it and no byte of it is sent.
    """
    return blake2b(f"{meter}|{at_ms}|{source}".encode(), digest_size=8).hexdigest()
