"""How long to wait before the next try: ever longer while it fails, and not all gateways at once."""

from random import Random


class BackOff:
    """Waits that double from `first_s` to `last_s`, each shortened by chance so that a fleet spreads out."""

    def __init__(self, first_s: float, last_s: float, rng: Random) -> None:
        self._first_s, self._last_s, self._rng = first_s, last_s, rng
        self._next_s = first_s

    @property
    def grown(self) -> bool:
        """Whether it has been waited since the last success."""
        return self._next_s > self._first_s

    def next_s(self) -> float:
        wait_s = self._next_s
        self._next_s = min(self._last_s, 2 * wait_s)
        return wait_s * self._rng.uniform(0.75, 1.0)

    def reset(self) -> None:
        self._next_s = self._first_s
