"""What a meter counts and remembers of what befell it: the last ten of each kind, by instants.

The meter's own stamps are made when they are asked for, by what its clock showed at that instant.
"""

from dataclasses import dataclass, field

KEPT_RECORDS = 10
PHASED = "phase_failure"


@dataclass(slots=True)
class Moment:
    """`end_ms` is None while it lasts or when it has no end; `before` and `after`: what the clock showed."""

    start_ms: int
    end_ms: int | None = None
    before: int = 0
    after: int = 0
    operator: str = "00000000"
    di: str = ""


@dataclass(slots=True)
class Kept:
    """One kind of event: how often, how long all those took that are over, and the last ten."""

    count: int
    lasted_ms: int
    moments: list[Moment]


Peak = tuple[float, int]
"""A maximum demand: watts, and the instant its window ended (0: there was none)."""


@dataclass(slots=True)
class Period:
    """The maxima of a settlement period, total and tariffs, drawn and fed back, as far as `done_ms`.

    `marks` are what it was about once a day, so that a freeze of last week need not begin at its start.
    """

    done_ms: int
    drawn: tuple[Peak, ...] = ((0.0, 0),) * 5
    fed: tuple[Peak, ...] = ((0.0, 0),) * 5
    marks: list[tuple[int, tuple[Peak, ...], tuple[Peak, ...]]] = field(default_factory=list)


def phase_key(phase: int) -> str:
    """The kind of a phase failure; phase 0 to 2."""
    return f"{PHASED}:{phase + 1}"


class Events:
    """By kind, as protocols.dlt645.events names them; a meter that nothing befell keeps nothing."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, Kept] | None = None

    def happen(self, kind: str, moment: Moment) -> None:
        """Something that is over as soon as it happens."""
        kept = self._of(kind)
        kept.count += 1
        kept.moments = [*kept.moments, moment][-KEPT_RECORDS:]

    def begin(self, kind: str, at_ms: int) -> None:
        """Something that lasts; beginning what lasts already changes nothing."""
        if not self.lasts(kind):
            self.happen(kind, Moment(at_ms))

    def end(self, kind: str, at_ms: int) -> None:
        if self.lasts(kind):
            kept = self._of(kind)
            kept.moments[-1].end_ms = at_ms
            kept.lasted_ms += at_ms - kept.moments[-1].start_ms

    def lasts(self, kind: str) -> bool:
        kept = self._kept.get(kind) if self._kept else None
        return kept is not None and kept.moments[-1].end_ms is None

    def count(self, kind: str) -> int:
        kept = self._kept.get(kind) if self._kept else None
        return kept.count if kept else 0

    def minutes(self, kind: str, at_ms: int) -> int:
        kept = self._kept.get(kind) if self._kept else None
        if kept is None:
            return 0
        lasting = at_ms - kept.moments[-1].start_ms if self.lasts(kind) else 0
        return (kept.lasted_ms + lasting) // 60_000

    def last(self, kind: str, back: int) -> Moment | None:
        """The record `back` places back, 1 the last one."""
        kept = self._kept.get(kind) if self._kept else None
        return kept.moments[-back] if kept and 1 <= back <= len(kept.moments) else None

    def remembered(self) -> dict[str, Kept] | None:
        """To be kept over a restart."""
        return self._kept

    def remember(self, kept: dict[str, Kept]) -> None:
        self._kept = kept

    def _of(self, kind: str) -> Kept:
        self._kept = self._kept if self._kept is not None else {}
        return self._kept.setdefault(kind, Kept(0, 0, []))
