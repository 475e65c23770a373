"""The RTU form of a register read, so that a model can be proved with bytes as a line shows them."""

import struct
from collections.abc import Mapping

from protocols.errors import FrameError, Refused

_EXCEPTIONS: Mapping[int, str] = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure",
    5: "acknowledge", 6: "device busy", 8: "memory parity error", 10: "gateway path unavailable",
    11: "gateway target failed to respond",
}  # fmt: skip
_POLYNOMIAL = 0xA001


def _row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(_row(byte) for byte in range(256))


def crc(raw: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first as it goes over the wire."""
    register = 0xFFFF
    for byte in raw:
        register = register >> 8 ^ _TABLE[(register ^ byte) & 0xFF]
    return register.to_bytes(2, "little")


def read_request(unit: int, fc: int, address: int, count: int) -> bytes:
    """The bytes that ask `unit` for `count` registers."""
    body = struct.pack(">BBHH", unit, fc, address, count)
    return body + crc(body)


def parse_read_request(raw: bytes) -> tuple[int, int, int, int]:
    """(unit, fc, address, count) of such a request."""
    if len(raw) != 8:
        raise FrameError("length_mismatch", f"{len(raw)} bytes where a read request has 8")
    _check_crc(raw)
    unit, fc, address, count = struct.unpack(">BBHH", raw[:6])
    return unit, fc, address, count


def read_reply(request: bytes, reply: bytes) -> list[int]:
    """The words that answer `request`; Refused for an exception, FrameError for any other frame."""
    unit, fc, _, count = parse_read_request(request)
    if len(reply) < 5:
        raise FrameError("incomplete", f"{len(reply)} bytes")
    _check_crc(reply)
    if reply[0] != unit or reply[1] & 0x7F != fc:
        raise FrameError("other_address", f"asked unit {unit} FC{fc}, got unit {reply[0]} FC{reply[1]}")
    if reply[1] & 0x80:
        raise Refused(reply[2], exception_meaning(reply[2]))
    if reply[2] != 2 * count or len(reply) != 5 + 2 * count:
        raise FrameError("length_mismatch", f"asked {count} registers, got {reply[2]} bytes")
    return list(struct.unpack(f">{count}H", reply[3:-2]))


def exception_meaning(code: int) -> str:
    """A Modbus exception code in words."""
    return _EXCEPTIONS.get(code, "unknown exception")


def _check_crc(raw: bytes) -> None:
    if crc(raw[:-2]) != raw[-2:]:
        raise FrameError("checksum", f"{raw[-2:].hex()} in the frame, {crc(raw[:-2]).hex()} is right")
