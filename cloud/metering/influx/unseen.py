"""What a long reading passes over, so that it sees a batch whole or not at all: what came after it had begun.

An engine without snapshots shows a half-written batch. Of a meter that grows, all from some instant on is
new; what is filled in between is told key by key.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from cloud.metering.influx.line_protocol import Key
from protocols.readings import Source


class Hidden:
    """What one reading does not show."""

    def __init__(self) -> None:
        self._keys: set[Key] = set()
        self._from_ms: dict[tuple[str, Source], int] = {}

    def add(self, newer: Iterable[Key], between: Iterable[Key]) -> None:
        for meter, at_ms, source in newer:
            self._from_ms[meter, source] = min(at_ms, self._from_ms.get((meter, source), at_ms))
        self._keys.update(between)

    def hides(self, key: Key) -> bool:
        from_ms = self._from_ms.get((key[0], key[2]))
        return (from_ms is not None and key[1] >= from_ms) or key in self._keys


class Unseen:
    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._writing: dict[int, tuple[list[Key], list[Key]]] = {}
        self._readings: list[Hidden] = []
        self._next = 0

    @contextmanager
    def writing(self, newer: list[Key], between: list[Key]) -> Iterator[None]:
        """New points are being written: `newer` than all of their meter, or `between` what there is."""
        with self._turn:
            self._next += 1
            mine = self._next
            self._writing[mine] = newer, between
            for hidden in self._readings:
                hidden.add(newer, between)
        try:
            yield
        finally:
            with self._turn:
                del self._writing[mine]

    @contextmanager
    def reading(self) -> Iterator[Hidden]:
        hidden = Hidden()
        with self._turn:
            for newer, between in self._writing.values():
                hidden.add(newer, between)
            self._readings.append(hidden)
        try:
            yield hidden
        finally:
            with self._turn:
                self._readings.remove(hidden)
