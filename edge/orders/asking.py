"""What a meter tells of its clock, its relay, and of what it lets us do: reads alone, no password tried."""

from datetime import datetime, tzinfo

from edge.clock import Clock
from edge.drivers import MeterTalk
from edge.orders.rules import PROTOCOL
from protocols.dlt645 import status
from protocols.dlt645.orders import DATE, TIME
from protocols.errors import FrameError, Refused
from protocols.mqtt.orders import Capability, RelayState

RELAY_WORD = status.di(3)
_ESAM = ("esam", "security module")


def identity_of(talk: MeterTalk) -> str:
    """The very device a capability was found of."""
    return f"{talk.meter.model} {talk.meter.address or talk.meter.unit}"


def probed(talk: MeterTalk) -> tuple[Capability, str]:
    """What the meter lets us do, and why; NoReply and LinkDown leave it open."""
    if talk.model.protocol != PROTOCOL:
        return Capability.READ, f"a {talk.meter.model} is only read"
    try:
        meter_time(talk)
    except Refused as no:
        return Capability.READ, f"its clock is not shown: {no}"
    try:
        talk.ask(RELAY_WORD)
    except Refused as no:
        by_module = any(word in str(no).lower() for word in _ESAM)
        return (Capability.READ if by_module else Capability.CLOCK), f"status word 3: {no}"
    return Capability.CONTROL, "it shows clock and relay"


def meter_time(talk: MeterTalk) -> datetime:
    """What the meter's clock shows, its local time without a zone."""
    date, time = talk.ask(DATE), talk.ask(TIME)
    digits = (date[1:][::-1] + time[::-1]).hex()  # YYMMDD of WW DD MM YY, then hhmmss
    try:
        return datetime.strptime(digits, "%y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise FrameError("no_such_time", f"{digits} is no time that exists") from None


def clock_offset_s(talk: MeterTalk, clock: Clock, zone: tzinfo) -> float:
    """Meter less gateway, to about a second."""
    shown = meter_time(talk)
    now = datetime.fromtimestamp(clock.now_ms() / 1000, zone).replace(tzinfo=None)
    return (shown - now).total_seconds()


def relay_state(talk: MeterTalk) -> RelayState:
    word = int.from_bytes(talk.ask(RELAY_WORD)[:2], "little")
    return RelayState.OPEN if status.relay_open(word) else RelayState.CLOSED
