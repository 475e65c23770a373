"""Finds the addresses on a DL/T 645 line by abbreviated addressing: two digits at a time, from the low end.

Reads only. Where several meters answer at once their answers garble: then the next two digits are tried,
so a line is searched in about a hundred questions for each pair of digits that meters share.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from edge.tools.asking import Verdict
from protocols.dlt645.conversations import address_matches
from protocols.dlt645.frame import ANY_METER, START

BRANCHES: Final = 100
DIGITS: Final = 12

AskAddress = Callable[[str], Verdict]


@dataclass(slots=True)
class Search:
    """`found`: address → the verdict that showed it; `twins`: addresses at which two meters answer."""

    ask: AskAddress
    tell: Callable[[int, int], None] = lambda _done, _all: None
    found: dict[str, Verdict] = field(default_factory=dict)
    twins: dict[str, Verdict] = field(default_factory=dict)
    asked: int = 0
    planned: int = 1

    def run(self) -> None:
        """Ask all; if a single meter answers twice alone, it is the only one."""
        first, second = self._look(ANY_METER), self._look(ANY_METER)
        if first.silent and second.silent:
            return
        alone = not first.collided and not second.collided and first.answers and second.answers
        if (
            alone
            and first.answers[0].address == second.answers[0].address
            and "A" not in first.answers[0].address
        ):
            self.found[first.answers[0].address] = first
            return
        self._split("")

    def _split(self, suffix: str) -> None:
        self.planned += BRANCHES
        for pattern in _branches(suffix):
            verdict = self._look(pattern)
            self._late(verdict)
            known = [frame.address for frame in verdict.answers if "A" not in frame.address]
            ending = pattern.lstrip("A")
            if not verdict.answers and not verdict.garbled:
                continue
            if len(ending) == DIGITS:
                (self.twins if verdict.collided else self.found)[ending] = verdict
            elif verdict.collided or not known:
                if not self._are_twins(pattern, verdict):
                    self._split(ending)
            else:
                self.found[known[0]] = verdict

    def _are_twins(self, pattern: str, verdict: Verdict) -> bool:
        """Answers that differ only behind the address come from two meters with one: no digits part them."""
        address = _head_address(verdict.exchange.received)
        if address is None or not address_matches(pattern, address):
            return False
        alone = self._look(address)
        if alone.collided:
            self.twins[address] = alone
        return alone.collided

    def _late(self, verdict: Verdict) -> None:
        """An answer to a question before this one: its meter is there all the same."""
        for frame in verdict.others:
            if "A" not in frame.address:
                self.found.setdefault(frame.address, verdict)

    def _look(self, pattern: str) -> Verdict:
        self.asked += 1
        self.tell(self.asked, self.planned)
        return self.ask(pattern)


def _head_address(received: bytes) -> str | None:
    """The address in the head of a frame whose rest is garbled; None when that is garbled too."""
    at = received.find(START)
    while at >= 0 and received[at + 7 : at + 8] != bytes((START,)):
        at = received.find(START, at + 1)
    digits = received[at + 1 : at + 7][::-1].hex() if at >= 0 else ""
    return digits if len(digits) == DIGITS and digits.isdecimal() else None


def _branches(suffix: str) -> Iterator[str]:
    for pair in range(BRANCHES):
        yield f"{pair:02d}{suffix}".rjust(DIGITS, "A")
