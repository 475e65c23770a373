"""Seeded chance without state: the number for (key, index) is always the same, in any order, at any time."""

from hashlib import blake2b

_MASK = (1 << 64) - 1


def key(seed: int, *names: str) -> int:
    """A 64-bit key for one purpose of one thing."""
    text = "|".join((str(seed), *names))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def draw(of_key: int, index: int) -> float:
    """The number in [0, 1) that belongs to (key, index): SplitMix64, Steele et al., OOPSLA 2014."""
    z = (of_key + index * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((z ^ (z >> 31)) >> 11) / 9007199254740992.0


def between(of_key: int, index: int, low: float, high: float) -> float:
    return low + (high - low) * draw(of_key, index)


def swing(of_key: int, x: float) -> float:
    """A smooth wander in [-1, 1]: equal to the draws at whole `x`, straight between them."""
    left = int(x // 1)
    here, there = draw(of_key, left), draw(of_key, left + 1)
    return 2 * (here + (there - here) * (x - left)) - 1
