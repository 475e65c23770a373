"""What goes over the wire as a technician may see it: hex, with all masked that can hold a password."""

from typing import Final

from protocols.dlt645.frame import START

OPEN_REQUESTS: Final = frozenset((0x01, 0x02, 0x08, 0x11, 0x12, 0x13))
"""Reads and time setting; every other request may carry a password, also one of another master's."""
_HEAD: Final = 10


def shown(raw: bytes) -> str:
    """The bytes in hex; the data of requests that are no reads as `··`, complete or not."""
    words = [f"{byte:02X}" for byte in raw]
    for start in range(len(raw) - _HEAD + 1):
        if raw[start] == START == raw[start + 7] and _is_secret(raw[start + 8]):
            end = min(start + _HEAD + raw[start + 9], len(raw))
            words[start + _HEAD : end] = ["··"] * (end - start - _HEAD)
            words[end : end + 1] = ["··"] * len(words[end : end + 1])  # the sum tells of the rest
    return " ".join(words)


def _is_secret(control: int) -> bool:
    return not control & 0x80 and control & 0x1F not in OPEN_REQUESTS
