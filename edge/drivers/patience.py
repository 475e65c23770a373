"""How long to wait for a meter's first byte: learnt from its own answers, between two bounds."""


class Patience:
    """Smoothed response time and its deviation per meter (the rule of TCP, RFC 6298)."""

    def __init__(self, floor_s: float, ceiling_s: float) -> None:
        self.floor_s, self.ceiling_s = floor_s, max(floor_s, ceiling_s)
        self._learnt: dict[str, tuple[float, float]] = {}

    def wait_s(self, meter: str) -> float:
        """The ceiling for a meter never heard."""
        if meter not in self._learnt:
            return self.ceiling_s
        mean_s, deviation_s = self._learnt[meter]
        return min(max(mean_s + 4 * deviation_s, self.floor_s), self.ceiling_s)

    def learn(self, meter: str, took_s: float) -> None:
        mean_s, deviation_s = self._learnt.get(meter, (took_s, took_s / 2))
        deviation_s += (abs(took_s - mean_s) - deviation_s) / 4
        self._learnt[meter] = mean_s + (took_s - mean_s) / 8, deviation_s
