"""Modbus TCP on its way: a transcript, and the faults of the wire, connection by connection."""

import asyncio
from collections.abc import Callable

from firmware_sim.clock import Clock
from firmware_sim.fault_book import FaultBook, Given, emissions
from firmware_sim.noise import Wire
from firmware_sim.transcript import Entry, Transcript
from firmware_sim.wire_faults import Emission

_SHORTEST = 8


class TcpWire:
    """One connection of a Modbus TCP line; `write` sends to the client what does not go out at once."""

    def __init__(
        self,
        line: str,
        wire: Wire,
        clock: Clock,
        transcript: Transcript,
        book: FaultBook,
        name_of: Callable[[int], str | None],
    ) -> None:
        self._line, self._wire, self._clock = line, wire, clock
        self._transcript, self._book, self._name_of = transcript, book, name_of
        self._request = self._before = b""
        self._struck: list[Given] = []
        self._held: list[bytes] = []

    def asked(self, packet: bytes) -> None:
        """A request has arrived; which faults strike is settled now."""
        if len(packet) < _SHORTEST:
            return
        self._request = packet
        meter = self._name_of(packet[6])
        self._struck = self._book.striking("tcp", [meter] if meter else [])
        self._note("request", "master", packet)

    def reply(self, packet: bytes, write: Callable[[bytes], None]) -> bytes:
        """What goes out now of a meter's answer (empty when it is silent); the rest follows by `write`."""
        deaf = any(given.fault.deaf for given in self._struck)
        out = emissions(self._struck, "tcp", self._request, b"" if deaf else packet, self._before, 0.0)
        if packet:
            self._before = packet
        held, self._held = self._held, [emission.data for emission in out if emission.held]
        out = [*map(Emission, held), *(emission for emission in out if not emission.held)]
        speaker = (self._name_of(packet[6]) if packet else None) or "wire"
        at_once, later = b"", 0.0
        for emission in out:
            later += emission.after_s
            data = self._wire.carry(emission.data)
            if later:
                asyncio.get_running_loop().call_later(later, self._say, speaker, data, write)
            else:
                at_once += data
        if at_once:
            self._note("reply", speaker, at_once)
        return at_once

    def _say(self, speaker: str, data: bytes, write: Callable[[bytes], None]) -> None:
        self._note("reply", speaker, data)
        write(data)

    def _note(self, what: str, who: str, raw: bytes) -> None:
        at_s = asyncio.get_running_loop().time() - self._transcript.origin_s
        fate = ", ".join(given.fault.name for given in self._struck)
        self._transcript.add(Entry(self._line, "tcp", what, who, raw, at_s, at_s, self._clock.now_ms(), fate))
