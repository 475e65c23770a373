"""Requests that change something in a meter: point to point only, each with the password that allows it.

Nothing here clears a meter, its demand or its events, or changes an address, a password or a rate, and the
only way to close a relay is to permit the customer to close it.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from protocols.dlt645 import conversations
from protocols.dlt645.conversations import LEAD_IN, di_bytes
from protocols.dlt645.frame import BROADCAST, Frame
from protocols.dlt645.stamps import encode_stamp
from protocols.errors import FrameError

WRITE, FREEZE, RELAY = 0x14, 0x16, 0x1C
MAX_WRITE_DATA = 50
"""The most data bytes (DI, password, operator and value) the standard lets a master send."""
DATE, TIME, DATE_AND_TIME = "04000101", "04000102", "0400010C"
FREEZE_NOW = "99999999"
_NEVER_WRITTEN = ("04000C", "04000401")
"""Passwords and the communication address are changed by no one from afar."""
_FREEZE_FORMS = re.compile(
    r"9{8}|(9{6}|(9{4}|(99|0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01]))([01][0-9]|2[0-3]))[0-5][0-9]"
)
_NO_DATA = (WRITE, FREEZE, RELAY)


class RelayAction(IntEnum):
    """What a relay can be told; there is no direct close."""

    TRIP = 0x1A
    CLOSE_PERMITTED = 0x1B


@dataclass(frozen=True, slots=True)
class Password:
    """`level` 00 to 09 (a lower one has more right), 98 or 99; `digits` as people write them."""

    level: str
    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"0[0-9]|98|99", self.level) or not re.fullmatch(r"[0-9]{6}", self.digits):
            raise ValueError("a meter password is a level (00 to 09, 98, 99) and six digits")

    def __str__(self) -> str:
        return f"password of level {self.level}"

    def wire(self) -> bytes:
        """PA P0 P1 P2."""
        return bytes.fromhex(self.level) + bytes.fromhex(self.digits)[::-1]


def write_request(address: str, di: str, data: bytes, password: Password, operator: str) -> Frame:
    """Write one parameter (14H); `data` as `encode_value` makes it, `operator` eight digits.

    ValueError when the address is not one meter's own, or the parameter is none to write from afar.
    """
    if di.upper().startswith(_NEVER_WRITTEN):
        raise ValueError(f"{di} is not written from afar: a password or the meter's address")
    body = di_bytes(di) + password.wire() + _operator(operator) + data
    if len(di) != 8 or len(body) > MAX_WRITE_DATA:
        raise ValueError(f"{len(body)} bytes for {di}: a write has a DI of 2007 and at most {MAX_WRITE_DATA}")
    return Frame(_one_meter(address), WRITE, body, LEAD_IN)


def clock_request(
    address: str, at: datetime, password: Password, operator: str, *, in_one: bool = False
) -> tuple[Frame, ...]:
    """Set the clock to the local time `at`: date then time, or both in one write (2013 supplement).

    Between the two writes midnight may pass: not near midnight. For 08H see `time_sync_request`.
    """
    weekday = at.isoweekday() % 7
    date, time = bytes.fromhex(f"{at:%y%m%d}{weekday:02d}"), bytes.fromhex(f"{at:%H%M%S}")
    values = [(DATE_AND_TIME, date + time)] if in_one else [(DATE, date), (TIME, time)]
    return tuple(write_request(address, di, raw[::-1], password, operator) for di, raw in values)


def relay_request(
    address: str, action: RelayAction, expires: datetime, password: Password, operator: str
) -> Frame:
    """Trip, or permit to close (1CH); a meter refuses it when its own clock is past `expires` (local)."""
    order = bytes((RelayAction(action), 0x00)) + encode_stamp(expires, 6)
    return Frame(_one_meter(address), RELAY, password.wire() + _operator(operator) + order, LEAD_IN)


def freeze_request(address: str, when: str = "now") -> Frame:
    """Freeze now, or at MMDDhhmm where 99 is any: 99DDhhmm monthly, 9999hhmm daily, 999999mm hourly."""
    digits = FREEZE_NOW if when == "now" else when
    if not _FREEZE_FORMS.fullmatch(digits):
        raise ValueError(f'{when!r} is no time to freeze at: "now" or MMDDhhmm with 99 for any')
    return Frame(_one_meter(address), FREEZE, bytes.fromhex(digits)[::-1], LEAD_IN)


def check_reply(request: Frame, reply: Frame) -> bytes:
    """The data of the answer to an order (none, for those built here).

    FrameError when the frame is not its answer, Refused when the meter says no: nothing was done.
    """
    conversations.check_reply(request, reply)
    if request.function in _NO_DATA and reply.data:
        raise FrameError("unexpected_data", f"{len(reply.data)} bytes where an order is answered by none")
    return reply.data


def _one_meter(address: str) -> str:
    """The address itself when it is one meter's own. A wildcard or broadcast order could reach others."""
    if not re.fullmatch(r"[0-9]{12}", address) or address == BROADCAST:
        raise ValueError(f"{address!r} is not the address of one meter: orders go point to point, 12 digits")
    return address


def _operator(digits: str) -> bytes:
    if not re.fullmatch(r"[0-9]{8}", digits):
        raise ValueError(f"{digits!r} is no operator code: eight digits")
    return bytes.fromhex(digits)[::-1]
