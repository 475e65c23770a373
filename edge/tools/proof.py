"""What a breaker that was opened proves: a table of states and the judgement over them. Pure.

Proved is only what one meter alone did: silent while its breaker was open, back when it was closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

FALLS_AFTER: Final = 2
"""So many silences in a row make a fall: one may be a lost frame."""
BASE_ROUNDS: Final = 2


class State(StrEnum):
    UNSEEN = "unseen"
    UP = "up"
    DOUBTED = "doubted"
    FELL = "fell"
    BACK = "back"
    SILENT_BEFORE = "silent before"


_NEXT: Final[Mapping[tuple[State, bool], State]] = {
    (State.UNSEEN, True): State.UP,
    (State.UNSEEN, False): State.SILENT_BEFORE,
    (State.SILENT_BEFORE, True): State.UP,
    (State.SILENT_BEFORE, False): State.SILENT_BEFORE,
    (State.UP, True): State.UP,
    (State.UP, False): State.DOUBTED,
    (State.DOUBTED, True): State.UP,
    (State.DOUBTED, False): State.FELL,
    (State.FELL, True): State.BACK,
    (State.FELL, False): State.FELL,
    (State.BACK, True): State.BACK,
    (State.BACK, False): State.DOUBTED,
}
"""state × whether the meter answered → state."""


@dataclass(slots=True)
class Watched:
    """One meter under watch; times are Unix ms, `shown_*` the bytes of the answers around the change."""

    id: str
    feeds_back: bool = False
    state: State = State.UNSEEN
    fell_at_ms: int | None = None
    back_at_ms: int | None = None
    seen_back: bool = False
    last_answer: str = ""
    shown: list[str] = field(default_factory=list)

    def heard(self, answered: bool, at_ms: int, shown: str) -> State | None:
        """The new state when it turned to one worth showing."""
        before, self.state = self.state, _NEXT[self.state, answered]
        if answered:
            self.last_answer = shown
        if self.state is before or self.state in (State.UP, State.DOUBTED):
            return None
        if self.state is State.FELL:
            self.fell_at_ms = at_ms
            self.shown = [self.last_answer, shown]
        if self.state is State.BACK:
            self.back_at_ms, self.seen_back = at_ms, True
            self.shown.append(shown)
        return self.state


@dataclass(frozen=True, slots=True)
class Verdict:
    """`meter` is the one that is proved; None: nothing is, and `why` says what stands against it."""

    meter: str | None
    why: str
    fell: tuple[str, ...]


def judge(watched: Sequence[Watched]) -> Verdict:
    """What the watch proved so far."""
    fell = tuple(each.id for each in watched if each.fell_at_ms is not None)
    dark = [each.id for each in watched if each.state is State.SILENT_BEFORE]
    feeding = [each.id for each in watched if each.feeds_back]
    if not fell:
        return Verdict(None, _nothing_fell(dark, feeding), fell)
    if len(fell) > 1:
        names = ", ".join(fell)
        why = f"several meters fell ({names}): a shared breaker, a fuse or the line; open one alone"
        return Verdict(None, why, fell)
    if dark:
        why = f"{', '.join(dark)} was silent before: it may be the one; first see: why {dark[0]}"
        return Verdict(None, why, fell)
    (one,) = (each for each in watched if each.id == fell[0])
    if one.feeds_back:
        return Verdict(None, f"{one.id} feeds back (PV): what it does proves nothing about one breaker", fell)
    if not one.seen_back:
        return Verdict(None, f"{one.id} fell and is not back yet: close the breaker again", fell)
    return Verdict(one.id, f"{one.id} alone fell and came back", fell)


def _nothing_fell(dark: Sequence[str], feeding: Sequence[str]) -> str:
    if dark:
        return f"no meter fell, but {', '.join(dark)} was silent before: it may be the one"
    if feeding:
        return f"no meter fell; {', '.join(feeding)} may live on its own generation (PV): isolate that first"
    return "no meter fell: the breaker may stand behind the meter, or the meter hangs on another line"
