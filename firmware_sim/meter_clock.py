"""A meter's own clock: set, stepped, drifting. It says what the meter shows, and when it showed a given time.

Every change begins a new stretch and the old ones are kept, so a stamp leads to the instant it was made at.
"""

from dataclasses import dataclass

_KEPT = 64
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `since_ms` on the clock showed `shown_ms` and ran `ppm` millionths fast."""

    since_ms: int
    shown_ms: int
    ppm: float

    def shows(self, at_ms: int) -> int:
        spent = at_ms - self.since_ms
        return self.shown_ms + spent + round(spent * self.ppm / _MILLION)

    def instant(self, shown_ms: int) -> int:
        """When it showed that, were there no other stretch."""
        return self.since_ms + round((shown_ms - self.shown_ms) / (1 + self.ppm / _MILLION))


class MeterClock:
    """All times are Unix ms; what is shown is so too, as if the clock knew its zone."""

    __slots__ = ("_stretches",)

    def __init__(self, since_ms: int, ppm: float = 0) -> None:
        self._stretches: tuple[Stretch, ...] = (Stretch(since_ms, since_ms, ppm),)

    def shows(self, at_ms: int) -> int:
        return self._at(at_ms).shows(at_ms)

    def offset_ms(self, at_ms: int) -> int:
        return self.shows(at_ms) - at_ms

    def set(self, at_ms: int, shown_ms: int) -> None:
        """Someone set it; how it drifts is its own."""
        self._begin(Stretch(at_ms, shown_ms, self._stretches[-1].ppm))

    def drift(self, at_ms: int, ppm: float) -> None:
        self._begin(Stretch(at_ms, self.shows(at_ms), ppm))

    def instant_of(self, shown_ms: int, by_ms: int) -> int | None:
        """The last instant up to `by_ms` at which it showed that; None when it did not."""
        end_ms = by_ms + 1
        for stretch in reversed(self._stretches):
            at = stretch.instant(shown_ms)
            if (at >= stretch.since_ms or stretch is self._stretches[0]) and at < end_ms:
                return at
            end_ms = stretch.since_ms
        return None

    def instant_from(self, shown_ms: int, by_ms: int) -> int | None:
        """The same, or the instant of the first step that jumped over it."""
        at = self.instant_of(shown_ms, by_ms)
        if at is not None:
            return at
        jumps = (later.since_ms for later in self._stretches[1:] if later.shown_ms > shown_ms)
        return min((jump for jump in jumps if jump <= by_ms), default=None)

    @property
    def plain(self) -> bool:
        """Whether nobody ever touched it."""
        return len(self._stretches) == 1

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """To be kept over a restart."""
        return self._stretches

    def take(self, stretches: tuple[Stretch, ...]) -> None:
        self._stretches = stretches

    def _begin(self, stretch: Stretch) -> None:
        self._stretches = (*self._stretches, stretch)[-_KEPT:]

    def _at(self, at_ms: int) -> Stretch:
        for stretch in reversed(self._stretches):
            if at_ms >= stretch.since_ms:
                return stretch
        return self._stretches[0]
