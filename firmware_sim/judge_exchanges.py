"""A transcript as a judge reads it: each question of a master with what came after it, line by line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from firmware_sim.transcript import Entry
from firmware_sim.wire_forms import frame_of
from protocols.dlt645.conversations import address_matches
from protocols.dlt645.frame import Frame, frames_in

READS = (0x11, 0x12, 0x13, 0x01, 0x02)
_SAME_FRAME_S = 1e-6


@dataclass(slots=True)
class Asked:
    """One request of the judged master. `others`: what anybody else said from here to the next one."""

    request: Entry
    others: list[Entry] = field(default_factory=list)
    then: "Asked | None" = None
    """The next request of the same master on that line."""

    @property
    def frame(self) -> Frame | None:
        return frame_of(self.request.raw) if self.request.form == "dlt645" else None

    @property
    def expects_answer(self) -> bool:
        """Broadcasts, 08H and Modbus unit 0 are answered by nobody."""
        frame = self.frame
        if frame is not None:
            return frame.address != "9" * 12 and frame.function != 0x08
        unit = self.request.raw[6 if self.request.form == "tcp" else 0]
        return unit != 0

    def answer(self) -> Entry | None:
        """The sound answer to just this request, if one came before the next."""
        return next((entry for entry in self.others if self._answers(entry)), None)

    def refused(self) -> bool:
        """The meter has said no."""
        said = self.answer()
        if said is None:
            return False
        if said.form == "dlt645":
            return any(frame.abnormal for frame in self._frames(said))
        return bool(said.raw[7 if said.form == "tcp" else 1] & 0x80)

    def more(self) -> bool:
        """The meter has promised a follow-up."""
        said = self.answer()
        return said is not None and said.form == "dlt645" and any(f.more for f in self._frames(said))

    def _frames(self, said: Entry) -> list[Frame]:
        return [frame for frame in frames_in(said.raw) if frame.from_meter]

    def _answers(self, entry: Entry) -> bool:
        if entry.what != "reply" or entry.form != self.request.form:
            return False
        frame = self.frame
        if frame is None:
            return _modbus_answers(self.request, entry)
        return any(
            frame.function == said.function and address_matches(frame.address, said.address)
            for said in self._frames(entry)
        )


def _modbus_answers(request: Entry, entry: Entry) -> bool:
    at = 6 if request.form == "tcp" else 0
    if len(entry.raw) < at + 3 or (at and entry.raw[:2] != request.raw[:2]):
        return False
    return entry.raw[at] == request.raw[at] and entry.raw[at + 1] & 0x7F == request.raw[at + 1]


def exchanges(entries: Iterable[Entry], master: str) -> list[Asked]:
    """The questions of that master in the order of time, each line for itself."""
    by_line: dict[str, list[Entry]] = {}
    for entry in entries:
        by_line.setdefault(entry.line, []).append(entry)
    return [asked for of_line in by_line.values() for asked in _of_line(of_line, master)]


def _of_line(entries: list[Entry], master: str) -> Iterator[Asked]:
    last: Asked | None = None
    found: list[Asked] = []
    for entry in sorted(entries, key=lambda entry: (entry.start_s, entry.end_s)):
        if entry.what in ("request", "jammed") and entry.who == master:
            asked = Asked(entry)
            if last is not None:
                last.then = asked
            last = asked
            found.append(asked)
        elif last is not None:
            last.others.append(entry)
    yield from found


def overlaps(one: Entry, other: Entry) -> bool:
    """Whether the two were on the wire at one time; what took no time overlaps nothing."""
    start = max(one.start_s, other.start_s)
    return min(one.end_s, other.end_s) - start > _SAME_FRAME_S
