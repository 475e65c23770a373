"""DL/T 698.45, as far as it is recognised here: its frames are found by structure and header sum, not read.

Frame: 68 L L C AF address CA HCS HCS … FCS FCS 16; L (bits 0-13, low byte first) counts all but 68H and 16H.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LINK_PROBE: Final = bytes.fromhex("6817004345AAAAAAAAAAAA005B4F0501004001020000ED0316")
"""GET of 40010200 (communication address) from any meter: a read, published in many protocol guides."""
_FROM_METER: Final = 0x80
_SHORTEST: Final = 12


@dataclass(frozen=True, slots=True)
class Frame698:
    start: int
    raw: bytes
    address: str
    from_meter: bool


def frames_in(raw: bytes) -> Iterator[Frame698]:
    """Every sound frame in a finished buffer."""
    at = raw.find(b"\x68")
    while at >= 0:
        found = _frame_at(raw, at)
        if found:
            yield found
        at = raw.find(b"\x68", at + (len(found.raw) if found else 1))


def _frame_at(raw: bytes, at: int) -> Frame698 | None:
    if len(raw) - at < _SHORTEST:
        return None
    length = int.from_bytes(raw[at + 1 : at + 3], "little") & 0x3FFF
    frame = raw[at : at + length + 2]
    size = (frame[4] & 0x0F) + 1
    head = 6 + size  # where the header sum stands
    if len(frame) != length + 2 or length + 2 < head + 5 or frame[-1] != 0x16:
        return None
    if check(frame[1:head]) != frame[head : head + 2] or check(frame[1:-3]) != frame[-3:-1]:
        return None
    address = frame[5 : 5 + size][::-1].hex().upper()
    return Frame698(at, frame, address, bool(frame[3] & _FROM_METER))


def check(raw: bytes) -> bytes:
    """The sum of header and frame: CRC-16 of PPP (RFC 1662), low byte first."""
    register = 0xFFFF
    for byte in raw:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x8408 if register & 1 else 0)
    return (register ^ 0xFFFF).to_bytes(2, "little")
