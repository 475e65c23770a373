"""A bus: many meters on one pair of wires. One request, the meters' answers, and what the wires make of them.

With a baud rate everything takes its air time and whoever talks out of turn jams; without one, requests queue
and answers come after the line's delay.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firmware_sim.air import Air, Party, until
from firmware_sim.clock import Clock
from firmware_sim.fault_book import FaultBook, emissions
from firmware_sim.noise import Wire, collide
from firmware_sim.scenario import LinePlan, MeterPlan
from firmware_sim.stations import Ear, Request, Station, Stations
from firmware_sim.transcript import Entry, Transcript
from firmware_sim.wire_faults import Emission
from firmware_sim.wire_forms import Form

QUIET_S = 0.5
"""The longest gap between two bytes of one frame; what is older belongs to no frame."""
_BREAK = b"\xff"
"""What wires at rest are after a request when A and B are swapped: heard inverted, as 00H."""
_LATE_S = 0.45
"""What comes later than this after the rest is on its own: the line is free for others before it."""


@dataclass(slots=True)
class Answer:
    meter: str
    after_s: float
    raw: bytes


class Bus:
    """`clients`: everybody who hears what is on the wires; an answer goes to the asker alone."""

    def __init__(
        self,
        plan: LinePlan,
        stations: Sequence[Station],
        plans: Mapping[str, MeterPlan],
        wire: Wire,
        clock: Clock,
        transcript: Transcript,
        book: FaultBook,
    ) -> None:
        self.plan, self.wire, self.book, self.transcript = plan, wire, book, transcript
        self.air = Air(plan.char_s)
        self.cut = self.swapped = False
        self.broken_off: set[str] = set()
        """Meters behind a broken segment."""
        self.clients: list[Party] = []
        self._stations = Stations(stations)
        self._forms: frozenset[Form] = frozenset(station.form for station in stations) or frozenset(
            ("dlt645",)
        )
        self._plans = plans
        self._clock = clock
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._before: dict[Form, tuple[bytes, bytes]] = {}
        """By form: the last question and its answer."""
        self._other: dict[Form, bytes] = {}
        """By form: the answer to the last question that was another."""
        self._held: list[tuple[Request, bytes]] = []

    def ear(self) -> Ear:
        return Ear(self._forms)

    def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answers(self, request: Request, baud: int | None = None) -> list[Answer]:
        """What the meters say, and after how long; a meter set to another rate or parity hears nothing."""
        now = self._clock.now_ms()
        asked = [station for station in self._stations.asked(request) if self._hears(station, baud)]
        said = [(station, station.answer(request, now)) for station in asked]
        return [Answer(station.meter.id, self._delay_s(station), raw) for station, raw in said if raw]

    def _hears(self, station: Station, baud: int | None) -> bool:
        plan = self._plans.get(station.meter.id)
        if station.meter.id in self.broken_off or plan is None:
            return plan is None
        rate, parity = plan.baud or self.plan.baud, plan.parity or self.plan.parity
        return rate == (baud or self.plan.baud) and parity == self.plan.parity

    def _delay_s(self, station: Station) -> float:
        plan = self._plans.get(station.meter.id)
        given = plan.response_ms if plan else None
        return (self.plan.delay_ms if given is None else given) / 1000

    async def exchange(
        self,
        request: Request,
        end_s: float,
        who: str,
        hearers: Sequence[Party],
        baud: int | None = None,
    ) -> None:
        """Answer a request that ended then; returns when the line is free again."""
        if self.air.char_s:
            await self._exchange(request, end_s, who, hearers, baud)
        else:
            async with self._turn:
                await self._exchange(request, max(end_s, _now_s()), who, hearers, baud)

    async def _exchange(
        self, request: Request, end_s: float, who: str, hearers: Sequence[Party], baud: int | None
    ) -> None:
        if self.swapped and not self.cut:
            await self._say([Emission(_BREAK)], "wire", request, end_s, hearers, "swapped")
        if self.cut or self.swapped:
            self._note(request.form, "request", who, request.raw, end_s, "cut" if self.cut else "swapped")
            return
        struck = [] if self.book.empty else self.book.striking(request.form, self._asked(request))
        fate = ", ".join(given.fault.name for given in struck)
        self._note(request.form, "request", who, request.raw, end_s, fate)
        answers = [] if any(given.fault.deaf for given in struck) else self.answers(request, baud)
        reply, after_s = _laid_over(answers, self.air.char_s)
        before = self._previous(request, reply)
        out = emissions(struck, request.form, request.raw, reply, before, self.air.char_s)
        out = [*self._let_go(request), *self._keep_back(request, out)]
        speaker = "+".join(answer.meter for answer in answers) or "wire"
        await self._say(out, speaker, request, end_s + after_s, hearers, fate)

    def _asked(self, request: Request) -> set[str]:
        return {station.meter.id for station in self._stations.asked(request)}

    def _previous(self, request: Request, reply: bytes) -> bytes:
        """The answer to the last question on this line that was not this one."""
        last = self._before.get(request.form)
        if last and last[0] != request.raw:
            self._other[request.form] = last[1]
        if reply:
            self._before[request.form] = (request.raw, reply)
        return self._other.get(request.form, b"")

    def _keep_back(self, request: Request, out: Sequence[Emission]) -> list[Emission]:
        self._held += [(request, emission.data) for emission in out if emission.held]
        return [emission for emission in out if not emission.held]

    def _let_go(self, request: Request) -> list[Emission]:
        """Answers that waited for the next request.

        Modbus RTU has no mark of its question: one that would fit the new question too is dropped.
        """
        held, self._held = self._held, []
        return [
            Emission(raw)
            for asked, raw in held
            if request.form != "rtu" or asked.raw == request.raw or not _alike(asked.raw, request.raw)
        ]

    async def _say(
        self,
        out: Sequence[Emission],
        speaker: str,
        request: Request,
        from_s: float,
        hearers: Sequence[Party],
        fate: str,
    ) -> None:
        at_s = from_s
        for number, emission in enumerate(out):
            if emission.after_s > _LATE_S:  # a long pause holds nobody up
                rest = out[number:]
                self.spawn(self._say_all(rest, speaker, request, at_s, hearers, fate))
                return
            at_s = await self._say_one(emission, speaker, request, at_s, hearers, fate)

    async def _say_all(
        self,
        out: Sequence[Emission],
        speaker: str,
        request: Request,
        at_s: float,
        hearers: Sequence[Party],
        fate: str,
    ) -> None:
        for emission in out:
            at_s = await self._say_one(emission, speaker, request, at_s, hearers, fate)

    async def _say_one(
        self,
        emission: Emission,
        speaker: str,
        request: Request,
        at_s: float,
        hearers: Sequence[Party],
        fate: str,
    ) -> float:
        start_s = at_s + emission.after_s
        await until(start_s)
        data = self.wire.carry(emission.data)
        if not data or self.cut:
            return start_s
        arrived, end_s = await self.air.carry(None, data, start_s, hearers)
        spoiled = ", ".join(filter(None, (fate, "" if arrived == emission.data else "noise")))
        self._note(request.form, "reply", speaker, arrived, end_s, spoiled)
        return end_s

    def _note(self, form: Form, what: str, who: str, raw: bytes, end_s: float, fate: str) -> None:
        end_s -= self.transcript.origin_s
        start_s = end_s - len(raw) * self.air.char_s
        now_ms = self._clock.now_ms()
        self.transcript.add(Entry(self.plan.name, form, what, who, raw, start_s, end_s, now_ms, fate))

    def note_jammed(self, raw: bytes, end_s: float) -> None:
        """What a client said while somebody else talked: no meter understood it."""
        self._note(
            "dlt645" if raw.lstrip(b"\xfe")[:1] == b"\x68" else "rtu", "jammed", "master", raw, end_s, ""
        )


class Client:
    """One client of a bus: what it says goes over the wires, requests in it are answered."""

    def __init__(self, bus: Bus, party: Party) -> None:
        self._bus, self.party = bus, party
        self._ear = bus.ear()
        self._heard_s = self._free_s = 0.0
        self._meters = Party(self._heard)
        self._requests: list[tuple[Request, float]] = []
        self.baud: int | None = None
        """What the client's port is set to, where that can be known."""

    async def hear(self, data: bytes) -> None:
        """Take what the client sends, at the speed of the line; answers follow on their own."""
        now_s = _now_s()
        if now_s - self._heard_s > QUIET_S + len(data) * self._bus.air.char_s:
            self._take(self._ear.idle(), now_s)
        start_s = max(now_s, self._free_s)
        deaf = self._bus.cut
        others = [client for client in self._bus.clients if client is not self.party]
        hearers = [] if deaf else [self._meters, *(others if self._bus.air.char_s else ())]
        if deaf and not self._bus.air.char_s:
            return
        echo, self.party.echo = self.party.echo, self.party.echo and not deaf
        try:
            arrived, self._free_s = await self._bus.air.carry(self.party, data, start_s, hearers)
        finally:
            self.party.echo = echo
        if arrived != data:
            self._bus.note_jammed(data, self._free_s)
        self._heard_s = self._free_s
        queued, self._requests = self._requests, []
        for request, end_s in queued:
            await self._answer(request, end_s)

    def _heard(self, data: bytes, at_s: float) -> None:
        found = self._ear.hear(data)
        self._take(found, at_s)

    def _take(self, found: Sequence[Request], at_s: float) -> None:
        for request in found:
            if self._bus.air.char_s:
                self._bus.spawn(self._answer(request, at_s))
            else:
                self._requests.append((request, at_s))

    async def _answer(self, request: Request, end_s: float) -> None:
        await self._bus.exchange(request, end_s, "master", (self.party,), self.baud)


def _laid_over(answers: Sequence[Answer], char_s: float) -> tuple[bytes, float]:
    """All answers as they arrive, later ones as much later as their meters are slower, and when it begins."""
    if not answers:
        return b"", 0.0
    first_s = min(answer.after_s for answer in answers)
    if len(answers) == 1:
        return answers[0].raw, first_s
    late = [int((answer.after_s - first_s) / char_s) if char_s else 0 for answer in answers]
    return collide([b"\xff" * gap + answer.raw for gap, answer in zip(late, answers, strict=True)]), first_s


def _alike(one: bytes, other: bytes) -> bool:
    """Whether an answer to the one would do for the other: unit, function and count."""
    return one[:2] == other[:2] and one[4:6] == other[4:6]


def _now_s() -> float:
    return asyncio.get_running_loop().time()
