"""Who may say what after whom: requests, and the judgement whether a frame answers one.

An answer is taken only when meter, function, identifier and sequence number are those that were asked for.
"""

from collections.abc import Sequence
from datetime import datetime

from protocols.dlt645.frame import ANY_METER, BROADCAST, Frame
from protocols.errors import FrameError, Refused

LEAD_IN = 4
READ, READ_MORE, READ_ADDRESS, TIME_SYNC = 0x11, 0x12, 0x13, 0x08
AUTHENTICATE = 0x03
READ_1997, READ_MORE_1997 = 0x01, 0x02
MAX_SEQ = 255
REFUSALS: Sequence[str] = (
    "other",
    "no_requested_data",
    "password_or_unauthorised",
    "baud_rate_not_changeable",
    "annual_time_zones_exceeded",
    "daily_slots_exceeded",
    "tariffs_exceeded",
)
"""What the bits of the error byte mean, from bit 0; bit 7 is reserved."""
REFUSALS_1997: Sequence[str] = (
    "other_or_illegal_data",
    "no_requested_data_or_wrong_identifier",
    "password_or_unauthorised",
    "bit3_not_agreed_upon",
    "annual_time_zones_exceeded",
    "daily_slots_exceeded",
    "tariffs_exceeded",
)
"""Of 1997 the sources disagree on bits 0, 1 and 3: each name says both, or neither."""
ESAM_REFUSALS: Sequence[str] = (
    "other",
    "recharged_twice",
    "esam_verification_failed",
    "identity_authentication_failed",
    "customer_number_mismatch",
    "recharge_count_wrong",
    "purchase_limit_exceeded",
)
"""What the bits of SERR mean, the two bytes by which the security module of a meter refuses."""


def refusal_reasons(code: int, version: str = "2007") -> list[str]:
    """The meanings of an error byte; bits combine."""
    return _names(REFUSALS_1997 if version == "1997" else REFUSALS, code)


def esam_reasons(serr: int) -> list[str]:
    """The meanings of SERR; a bit that the sources do not agree upon is called by its number."""
    known = _names(ESAM_REFUSALS, serr)
    return known + [f"bit{bit}" for bit in range(len(ESAM_REFUSALS), 16) if serr >> bit & 1]


def refused(reply: Frame, version: str = "2007") -> Refused:
    """The refusal in an abnormal answer; that of the security module has a code of two bytes."""
    if reply.function == AUTHENTICATE and len(reply.data) == 2:
        serr = int.from_bytes(reply.data, "little")
        return Refused(serr, f"security module: {', '.join(esam_reasons(serr)) or 'no reason given'}")
    code = reply.data[0] if reply.data else 0
    return Refused(code, ", ".join(refusal_reasons(code, version)) or "no reason given")


def _names(meanings: Sequence[str], code: int) -> list[str]:
    return [meaning for bit, meaning in enumerate(meanings) if code >> bit & 1]


def di_bytes(di: str) -> bytes:
    """A DI as it stands in the data: low byte first. ValueError when it is no DI."""
    raw = bytes.fromhex(di)
    if len(raw) not in (2, 4):
        raise ValueError(f"{di!r} is no data identifier: 8 hex digits (2007) or 4 (1997)")
    return raw[::-1]


def read_request(address: str, di: str, version: str = "2007", extra: bytes = b"") -> Frame:
    """Ask a meter for one data identifier; `extra` stands behind it (how many load records, from when)."""
    function = {"2007": READ, "1997": READ_1997}[version]
    return Frame(address, function, di_bytes(di) + extra, LEAD_IN)


def read_more_request(address: str, di: str, seq: int, version: str = "2007") -> Frame:
    """Ask for the next part of a long answer; the 1997 form carries no sequence number."""
    if version == "1997":
        return Frame(address, READ_MORE_1997, di_bytes(di), LEAD_IN)
    return Frame(address, READ_MORE, di_bytes(di) + bytes((seq,)), LEAD_IN)


def read_reply(request: Frame, reply: Frame) -> bytes:
    """The data behind the DI, when `reply` answers `request`.

    FrameError for any other frame (an echo, a late answer, another meter), Refused when the meter says no.
    """
    check_reply(request, reply)
    width = 2 if request.function in (READ_1997, READ_MORE_1997) else 4
    if reply.data[:width] != request.data[:width]:
        raise FrameError("other_di", f"asked {request.data[:width].hex()}, got {reply.data[:width].hex()}")
    return reply.data[width:]


def check_reply(request: Frame, reply: Frame) -> None:
    """Whether a frame is this request's answer at all, whatever it carries; raises like `read_reply`."""
    if not reply.from_meter:
        raise FrameError("echo", "a request came back")
    if not address_matches(request.address, reply.address):
        raise FrameError("other_address", f"asked {request.address}, {reply.address} answered")
    if reply.function != request.function:
        raise FrameError("other_function", f"asked {request.function:02X}H, got {reply.function:02X}H")
    if reply.abnormal:
        raise refused(reply, "1997" if request.function in (READ_1997, READ_MORE_1997) else "2007")


def address_matches(asked: str, answered: str) -> bool:
    """Whether a meter that answers as `answered` was meant by `asked`.

    AA stands for any two digits: all six mean any meter (some echo it), high ones abbreviate an address.
    """
    if asked == answered:
        return True
    pairs = zip(_pairs(asked), _pairs(answered), strict=False)
    return len(asked) == len(answered) and all(want in ("AA", got) for want, got in pairs)


def _pairs(address: str) -> list[str]:
    return [address[at : at + 2] for at in range(0, len(address), 2)]


class ReadConversation:
    """Reads one DI to its end, over as many frames as the meter needs (at most 256)."""

    def __init__(self, address: str, di: str, version: str = "2007", extra: bytes = b"") -> None:
        self._address, self._di, self._version, self._extra = address, di, version, extra
        self._parts: list[bytes] = []

    def request(self) -> Frame:
        """What to send now: the read, or the follow-up that is due. Asking again changes nothing."""
        if not self._parts:
            return read_request(self._address, self._di, self._version, self._extra)
        return read_more_request(self._address, self._di, len(self._parts), self._version)

    def accept(self, reply: Frame) -> bytes | None:
        """All data (without DI and SEQ) when this was the last part, None when `request()` has another.

        FrameError leaves the conversation where it was: ask again. Refused ends it.
        """
        data = read_reply(self.request(), reply)
        if self._parts and self._version == "2007":
            data = self._without_seq(data)
        if reply.more and len(self._parts) >= MAX_SEQ:
            raise FrameError("too_long", f"{self._di} goes on after {MAX_SEQ} follow-ups")
        if reply.more and not data:
            raise FrameError("empty_part", f"{self._di} promises more and brings nothing")
        if reply.more:
            self._parts.append(data)
            self._address = reply.address
            return None
        return b"".join([*self._parts, data])

    def _without_seq(self, data: bytes) -> bytes:
        if not data or data[-1] != len(self._parts):
            got = f"{data[-1]}" if data else "none"
            raise FrameError("other_seq", f"asked part {len(self._parts)}, got {got}")
        return data[:-1]


def read_address_request() -> Frame:
    """Ask the only meter on a line who it is."""
    return Frame(ANY_METER, READ_ADDRESS, b"", LEAD_IN)


def address_of(reply: Frame) -> str:
    """The address in the answer to `read_address_request`."""
    check_reply(read_address_request(), reply)
    if len(reply.data) != 6:
        raise FrameError("value_length", f"{len(reply.data)} bytes where an address has 6")
    return reply.data[::-1].hex().upper()


def time_sync_request(at: datetime, address: str = BROADCAST) -> Frame:
    """Set the clock; no meter replies. `at` is the meter's local time."""
    return Frame(address, TIME_SYNC, bytes.fromhex(at.strftime("%S%M%H%d%m%y")), LEAD_IN)


def normal_reply(request: Frame, address: str, data: bytes = b"", more: bool = False) -> Frame:
    """What a meter answers; `data` starts with the DI (and ends with SEQ) where the function has them."""
    return Frame(address, request.control | (0xA0 if more else 0x80), data)


def refusal(request: Frame, address: str, code: int) -> Frame:
    """A meter's no, with its error byte."""
    return Frame(address, request.control | 0xC0, bytes((code,)))
