"""Finds a meter's block in a SunSpec map: "SunS" at one of the bases, then blocks with id and length."""

from collections.abc import Callable
from typing import Final

from edge.links import NoReply
from protocols.errors import Refused
from protocols.points import SunSpec

Ask = Callable[[int, int], list[int]]
"""The registers from that address on, so many."""

FC: Final = 3
MARKER: Final = [0x5375, 0x6E53]
"""\"SunS\"."""
END: Final = 0xFFFF
MOST_BLOCKS: Final = 64
_LAST_ADDRESS: Final = 0xFFFF


def find_block(wanted: SunSpec, ask: Ask) -> int:
    """The address of the id register of the first block that is wanted; Refused when there is none."""
    base = _base(wanted, ask)
    at, seen = base + len(MARKER), []
    for _ in range(MOST_BLOCKS):
        id_, length = ask(at, 2)
        if id_ in wanted.ids:
            return at
        if id_ == END or at + 2 + length >= _LAST_ADDRESS:
            break
        seen.append(str(id_))
        at += 2 + length
    raise Refused(0, f"its SunSpec map at {base} has the blocks {', '.join(seen) or 'none'}, no meter's")


def _base(wanted: SunSpec, ask: Ask) -> int:
    silence = None
    for base in wanted.bases:
        try:
            if ask(base, len(MARKER)) == MARKER:
                return base
        except Refused:
            continue
        except NoReply as silent:  # some do not even refuse what they do not have
            if silence:
                raise
            silence = silent
    if silence:
        raise silence
    raise Refused(0, f"no SunSpec map at {', '.join(str(base) for base in wanted.bases)}")
