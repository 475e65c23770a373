"""Drivers ask meters: one driver per line, one question at a time, and nothing made up in the answer."""

from typing import Protocol

from edge.settings import MeterSettings
from protocols.readings import Value


class Driver(Protocol):
    """Raises NoReply (silence), FrameError (only corrupt answers), Refused (no to everything), LinkDown."""

    @property
    def connected(self) -> bool: ...

    @property
    def noise_bytes(self) -> int: ...

    @property
    def bad_frames(self) -> int: ...

    def open(self) -> None:
        """Open the line if it is not; LinkDown at once when that fails."""

    def read(self, meter: MeterSettings) -> dict[str, Value]:
        """What the meter answered: never empty, and without what it does not have."""
        ...

    def probe(self, meter: MeterSettings) -> None:
        """One cheap question, asked once: returns when the meter is there (a refusal is an answer too)."""

    def close(self) -> None: ...

    def interrupt(self) -> None:
        """From another thread: end what goes on, for good."""
