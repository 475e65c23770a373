"""Drivers ask meters: one driver per line, one question at a time, and nothing made up in the answer."""

from collections.abc import Callable
from typing import Protocol

from edge.settings import MeterSettings
from protocols.dlt645.frame import Frame
from protocols.models import MeterModel
from protocols.readings import Value


class MeterTalk(Protocol):
    """One meter, for a job in its line's thread. ValueError where the meter's protocol has no such thing.

    Raises NoReply (silence), FrameError (only corrupt answers), Refused, LinkDown.
    """

    @property
    def meter(self) -> MeterSettings: ...

    @property
    def model(self) -> MeterModel: ...

    def ask(self, di: str, extra: bytes = b"") -> bytes:
        """DL/T 645: the data behind a DI, with all its follow-ups and the line's usual retries."""
        ...

    def order(self, request: Frame) -> Frame:
        """DL/T 645: sent exactly once. NoReply means that nobody knows whether it was obeyed."""
        ...

    def tell(self, request: Frame) -> None:
        """DL/T 645: sent once, and nobody answers (08H)."""

    def registers(self, fc: int, address: int, count: int) -> list[int]:
        """Modbus: a read, with the line's usual retries."""
        ...

    def values(self) -> dict[str, Value]:
        """An ordinary reading now."""
        ...


class Driver(Protocol):
    """Raises NoReply (silence), FrameError (only corrupt answers), Refused (no to everything), LinkDown."""

    between: Callable[[MeterSettings], None]
    """Called before each question to a meter: whoever may go first goes then."""

    @property
    def connected(self) -> bool: ...

    @property
    def noise_bytes(self) -> int: ...

    @property
    def bad_frames(self) -> int: ...

    @property
    def garbled(self) -> int:
        """Answers that a sum of 8 bits found corrupt: one in 244 such is not found."""
        ...

    def open(self) -> None:
        """Open the line if it is not; LinkDown at once when that fails."""

    def read(self, meter: MeterSettings) -> dict[str, Value]:
        """What the meter answered: never empty, and without what it does not have."""
        ...

    def probe(self, meter: MeterSettings) -> None:
        """One cheap question, asked once: returns when the meter is there (a refusal is an answer too)."""

    def talk(self, meter: MeterSettings) -> MeterTalk: ...

    def close(self) -> None: ...

    def interrupt(self) -> None:
        """From another thread: end what goes on, for good."""


def nobody_waits(meter: MeterSettings) -> None:
    """`between` of a driver that has one thing to do."""
