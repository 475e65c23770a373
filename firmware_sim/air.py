"""One pair of wires: half duplex, every byte takes its air time, and two that talk at once jam each other."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CHUNK = 8
"""Bytes handed on at once, as the FIFO of a serial port does."""
_TIMER_S = 0.0015
"""How early the event loop's timers must wake us: they are whole milliseconds, and late."""


@dataclass(slots=True)
class Party:
    """Somebody on the wires, deaf while it talks; `echo`: its adapter gives back what it says.

    `misset`: whether its port is set to another rate than the line's, so that it hears garbage.
    """

    hear: Callable[[bytes, float], None]
    echo: bool = False
    misset: Callable[[], bool] = lambda: False
    talking: bool = False


class Air:
    """`char_s` 0: bytes are there at once, and nothing ever overlaps."""

    def __init__(self, char_s: float) -> None:
        self.char_s = char_s
        self._talkers = 0

    @property
    def busy(self) -> bool:
        return self._talkers > 0

    async def carry(
        self, talker: Party | None, data: bytes, start_s: float, hearers: Sequence[Party]
    ) -> tuple[bytes, float]:
        """Put data on the wires from `start_s` (of the event loop); what arrived, and when it ended."""
        if not self.char_s:
            _hand_on(talker, data, start_s, hearers)
            return data, start_s
        self._talkers += 1
        if talker:
            talker.talking = True
        try:
            return await self._over_time(talker, data, start_s, hearers)
        finally:
            self._talkers -= 1
            if talker:
                talker.talking = False

    async def _over_time(
        self, talker: Party | None, data: bytes, start_s: float, hearers: Sequence[Party]
    ) -> tuple[bytes, float]:
        arrived, end_s = bytearray(), start_s
        for at in range(0, len(data), CHUNK):
            chunk = data[at : at + CHUNK]
            jammed = self._talkers > 1
            end_s = start_s + (at + len(chunk)) * self.char_s
            await until(end_s)
            if jammed or self._talkers > 1:
                chunk = _jam(chunk)
            arrived += chunk
            _hand_on(talker, chunk, end_s, hearers)
        return bytes(arrived), end_s


def _hand_on(talker: Party | None, data: bytes, at_s: float, hearers: Sequence[Party]) -> None:
    if talker and talker.echo:
        talker.hear(data, at_s)
    for hearer in hearers:
        if hearer is not talker and not hearer.talking:
            hearer.hear(data, at_s)


def overhearing(party: Party) -> Party:
    """That party as it hears the line's own traffic, through a port that may be set wrongly."""

    def hear(data: bytes, at_s: float) -> None:
        if not party.talking:
            party.hear(_jam(data) if party.misset() else data, at_s)

    return Party(hear)


def _jam(data: bytes) -> bytes:
    """Bytes that nobody understands; no 68H is among them."""
    return bytes(byte & 0xA5 ^ 0x0A for byte in data)


async def until(when_s: float) -> None:
    """Return at that time of the event loop, to a tenth of a millisecond where the machine allows it."""
    loop = asyncio.get_running_loop()
    while (left_s := when_s - loop.time()) > 0:  # noqa: ASYNC110  (it waits for a time, not for an event)
        await asyncio.sleep(max(0.0, left_s - _TIMER_S))
