"""What a writer remembers of its meters, so that it need not ask an engine about every reading: up to when
there are points, and in which long gaps before that there are none. A meter is looked up from where it is
written on (a look at all its past takes ten times as long after a year); a gap that is met is learned.

What it says to be new is new. It takes note before anything is sent: what was never answered is asked about.
"""

from collections.abc import Iterable, Mapping

from cloud.metering.influx.line_protocol import Key
from cloud.metering.influx.newest import Newest
from cloud.metering.store import SOURCES
from protocols.readings import Source

Track = tuple[str, Source]
NEVER = -(2**63)
GAP_MS = 3_600_000
"""A gap is worth remembering from here on: what a gateway that was cut off fills in again, in order."""
MOST_GAPS = 4


class Known:
    """Of every meter met: no point of (meter, source) is beyond `_newest`, and none within its `_gaps`.

    What has no newest has nothing beyond the meter's `_floor`. Gaps of a track never overlap.
    """

    def __init__(self) -> None:
        self._floor: dict[str, int] = {}
        self._newest: dict[Track, int] = {}
        self._gaps: dict[Track, list[tuple[int, int]]] = {}
        self.newest = Newest()

    def unmet(self, meters: Iterable[str]) -> set[str]:
        return set(meters) - self._floor.keys()

    def meet(self, meters: Iterable[str], newest: Mapping[Track, int], floor_ms: int = NEVER) -> None:
        """`newest` is the newest point of every (meter, source) of these that has one beyond `floor_ms`."""
        self._newest.update(newest)
        self._floor.update(dict.fromkeys(meters, floor_ms))

    def learn(self, track: Track, after_ms: int, next_ms: int | None) -> None:
        """There is nothing between the two, and None is nothing at all before what was ever said to come."""
        end = self._newest.setdefault(track, after_ms) if next_ms is None else next_ms
        for first, last in self._gaps.get(track, []):
            if last > after_ms:
                end = min(end, max(first, after_ms))
        self._remember(track, [(after_ms, end)])

    def forget(self, meters: Iterable[str]) -> None:
        for meter in set(meters):
            self.newest.drop([meter])
            self._floor.pop(meter, None)
            for source in SOURCES:
                self._newest.pop((meter, source), None)
                self._gaps.pop((meter, source), None)

    def admit(self, keys: Iterable[Key]) -> tuple[set[Key], set[Key]]:
        """(there may be a point already, new but not the newest) of the keys; the others are new and newest.

        From now on there may be a point under all of them.
        """
        old, between = set(), set()
        for key in sorted(keys, key=lambda each: each[1]):
            meter, at_ms, source = key
            track = meter, source
            newest = self._newest.get(track, self._floor[meter])
            if at_ms > newest:
                if at_ms - newest > GAP_MS:
                    self._remember(track, [(newest, at_ms)])
                self._newest[track] = at_ms
            elif self._fill(track, at_ms):
                between.add(key)
            else:
                old.add(key)
        return old, between

    def _fill(self, track: Track, at_ms: int) -> bool:
        """Whether it lies in a gap, which then ends there."""
        gaps = self._gaps.get(track, [])
        for gap in gaps:
            first, last = gap
            if first < at_ms < last:
                gaps.remove(gap)
                self._remember(track, [(first, at_ms), (at_ms, last)])
                return True
        return False

    def _remember(self, track: Track, gaps: list[tuple[int, int]]) -> None:
        held = self._gaps.setdefault(track, [])
        held += [gap for gap in gaps if gap[1] - gap[0] > GAP_MS]
        if len(held) > MOST_GAPS:
            held.sort(key=lambda gap: gap[0] - gap[1])
            del held[MOST_GAPS:]
