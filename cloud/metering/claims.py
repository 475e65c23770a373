"""Which of several values under one key is believed: the one with the lowest (gateway, epoch, seq).

Of each different value only the lowest claim is kept, so what is left does not depend on the order in which
claims came, nor on how often.
"""

from typing import NamedTuple

from protocols.readings import Value


class Claim(NamedTuple):
    """Compared in this order; value and quality decide only between two faces of one batch."""

    gateway: str
    epoch: str
    seq: int
    value: Value
    quality: int


def contest(held: Claim, new: Claim) -> tuple[Claim, Claim | None]:
    """(winner, loser); no loser when both say the same."""
    low, high = (held, new) if held <= new else (new, held)
    return low, None if low.value == high.value else high
