"""A meter's no, by name: the error byte of DL/T 645, and the two bytes of a security module (ESAM).

Source of the security bits: State Grid smart meter notes, quoted from memory (unverified).
"""

from typing import Final

from protocols.dlt645.conversations import refusal_reasons
from protocols.dlt645.frame import Frame

SECURITY: Final = 0x03
ESAM_REASONS: Final = (
    "other", "recharged_twice", "esam_check_failed", "identity_not_authenticated", "customer_number_differs",
    "recharge_count_wrong", "purchase_over_limit", "address_differs",
)  # fmt: skip
"""What the bits of SERR mean, from bit 0 (unverified)."""


def named(frame: Frame) -> str:
    """What an abnormal reply says, its control byte first: "D1: no_requested_data"."""
    head = f"{frame.control:02X}H"
    if frame.function == SECURITY:
        return f"{head}: security module (ESAM) refuses: {_esam(frame.data)}"
    code = frame.data[0] if frame.data else 0
    reasons = ", ".join(refusal_reasons(code)) or f"no reason given ({code:02X}H)"
    return f"{head}: {reasons}"


def _esam(data: bytes) -> str:
    code = int.from_bytes(data[:2], "little")
    reasons = [meaning for bit, meaning in enumerate(ESAM_REASONS) if code >> bit & 1]
    return ", ".join(reasons) or f"no reason given ({data[:2].hex().upper() or 'no bytes'})"
