"""What a bad wire does to replies: loses them, changes a byte, puts stray bytes in front. All from a seed."""

from collections.abc import Sequence

from firmware_sim.draws import draw
from firmware_sim.draws import key as key_of
from firmware_sim.scenario import Noise

QUIET = Noise()
NOISY = Noise(loss=0.15, flip=0.25, garbage=0.15)
"""What the fault `line-noise` makes of a line."""


class Wire:
    """One line's wire. The n-th reply of a run always meets the same fate."""

    __slots__ = ("_key", "_noise", "_sent", "noisy")

    def __init__(self, seed: int, line: str, noise: Noise) -> None:
        self._key = key_of(seed, line, "wire")
        self._noise = noise
        self._sent = 0
        self.noisy = False

    def carry(self, reply: bytes) -> bytes:
        """The reply as it arrives; empty when it is lost."""
        noise = NOISY if self.noisy else self._noise
        if not reply or noise == QUIET:
            return reply
        self._sent += 1
        chances = [draw(self._key, self._sent * 8 + n) for n in range(6)]
        if chances[0] < noise.loss:
            return b""
        if chances[1] < noise.flip:
            reply = _flipped(reply, chances[2], chances[3])
        if chances[4] < noise.garbage:
            stray = int(chances[5] * 2**32).to_bytes(4, "big")
            reply = stray[: 1 + int(chances[5] * 1000) % 4] + reply
        return reply


def _flipped(reply: bytes, where: float, how: float) -> bytes:
    changed = bytearray(reply)
    changed[int(where * len(reply))] ^= 1 + int(how * 255)
    return bytes(changed)


def collide(replies: Sequence[bytes]) -> bytes:
    """Several meters talking at once: a bit is 0 on the wire when any of them sends 0."""
    length = max(map(len, replies), default=0)
    wire = bytearray(b"\xff" * length)
    for reply in replies:
        for at, byte in enumerate(reply):
            wire[at] &= byte
    return bytes(wire)
