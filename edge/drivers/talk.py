"""Says a request into a quiet line and listens: as long as an answer may take, never as long as a babbler."""

import logging
import time
from collections.abc import Iterator
from typing import Final

from edge.links import Interrupted, Link, LinkDown, NoReply

log = logging.getLogger(__name__)

GAP_S: Final = 0.5
"""DL/T 645 lets a meter think so long before its answer (Td), and pause so long between two bytes (Tb)."""


def listen(link: Link, wait_s: float, frame_s: float) -> Iterator[bytes]:
    """Chunks as they arrive: the first within `wait_s`, each next within a gap, none after `frame_s` more."""
    until_s = time.monotonic() + wait_s
    end_s = until_s + frame_s + GAP_S
    while (left_s := min(until_s, end_s) - time.monotonic()) > 0:
        data = link.read(left_s)
        if data:
            until_s = max(until_s, time.monotonic() + GAP_S)
            yield data


def say(link: Link, raw: bytes, pause_s: float = 0.0, *, once: bool = False) -> int:
    """Send a request on a line made quiet before; how many late bytes were thrown away.

    `once`: never a second time, though the line broke while it was sent; then NoReply, for nobody knows.
    """
    try:
        thrown = _hush(link, pause_s)
    except Interrupted:
        raise
    except LinkDown as down:
        # Serial servers close what was idle: that costs one more opening, and no answer.
        log.debug("%s, opening again", down)
        link.open()
        thrown = 0
    try:
        link.write(raw)
    except Interrupted:
        raise
    except LinkDown as down:
        if once:
            raise NoReply(f"the line broke while it was sent: {down}") from None
        log.debug("%s, opening again", down)
        link.open()
        link.write(raw)
    return thrown


def _hush(link: Link, pause_s: float) -> int:
    """The pause counts from the last byte heard; a babbling line cannot hold us for more than three."""
    thrown = link.discard()
    pause_s = max(pause_s, link.gap_s)
    end_s = time.monotonic() + 3 * pause_s
    while (left_s := min(link.heard_s + pause_s, end_s) - time.monotonic()) > 0:
        thrown += len(link.read(left_s))
    return thrown
