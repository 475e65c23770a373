"""Faults of a bus as such: a broken segment, A and B swapped, a second master, its wire's named faults."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from firmware_sim.fault_book import FaultBook
from firmware_sim.line import BusLine, Line
from firmware_sim.meter import Meter
from firmware_sim.second_master import SecondMaster
from firmware_sim.wire_faults import WIRE_FAULTS
from protocols.spelling import hint

_T = TypeVar("_T")
Act = Callable[[bool, int], Awaitable[None]]
LINE_BROKEN, LINE_SWAPPED, SECOND_MASTER = "line-broken", "line-swapped", "second-master"
BUS_KINDS: Mapping[str, str] = {
    LINE_BROKEN: "LINE:METER: the bus is broken before that meter; it and those after it are silent",
    LINE_SWAPPED: "LINE: A and B are swapped; no meter understands, the gateway hears garbage",
    SECOND_MASTER: "MASTER: the second master of that name asks its meters",
}


class UnknownFault(Exception):
    """No such kind or target; the text lists what there is."""


class BusFaults:
    def __init__(
        self,
        meters: Mapping[str, Meter],
        lines: Mapping[str, Line],
        books: Mapping[str, FaultBook],
        masters: Mapping[str, SecondMaster],
    ) -> None:
        self._meters, self._lines, self._books, self._masters = meters, lines, books, masters

    def action(self, kind: str, target: str, options: Mapping[str, float]) -> Act | None:
        """What giving or clearing it does; None when it is no fault of a bus."""
        if kind in WIRE_FAULTS:
            return self._wire(kind, target, options)
        if kind == LINE_BROKEN:
            return self._broken(target)
        if kind == LINE_SWAPPED:
            return self._swapped(self._bus_line(target))
        return self._master(named(self._masters, "second master", target)) if kind == SECOND_MASTER else None

    def _wire(self, kind: str, target: str, options: Mapping[str, float]) -> Act:
        line = target if target in self._books else named(self._meters, "line or meter", target).line
        book = self._books[line]

        async def act(on: bool, _at_ms: int) -> None:
            if on:
                book.give(kind, target, options)
            else:
                book.clear(kind, target)

        return act

    def _broken(self, target: str) -> Act:
        name, _, first = target.partition(":")
        line = self._bus_line(name)
        on_line = [meter.id for meter in self._meters.values() if meter.line == name]
        if first not in on_line:
            raise UnknownFault(f"there is no meter {first!r} on line {name}; write LINE:METER")
        behind = set(on_line[on_line.index(first) :])

        async def act(on: bool, _at_ms: int) -> None:
            broken = line.bus.broken_off
            line.bus.broken_off = broken | behind if on else broken - behind

        return act

    def _swapped(self, line: BusLine) -> Act:
        async def act(on: bool, _at_ms: int) -> None:
            line.bus.swapped = on

        return act

    def _master(self, master: SecondMaster) -> Act:
        async def act(on: bool, _at_ms: int) -> None:
            if on:
                master.start()
            else:
                await master.stop()

        return act

    def _bus_line(self, name: str) -> BusLine:
        line = named(self._lines, "line", name)
        if not isinstance(line, BusLine):
            raise UnknownFault(f"line {name} is modbus-tcp and no bus; this befalls serial and tcp lines")
        return line


def named(things: Mapping[str, _T], what: str, name: str) -> _T:
    """The thing of that name, or UnknownFault with the nearest one and some that are there."""
    if name not in things:
        some = ", ".join(sorted(things)[:12]) or "none"
        more = " ..." if len(things) > 12 else ""
        raise UnknownFault(f"there is no {what} {name!r}; {hint(name, things)}known: {some}{more}")
    return things[name]


def unknown(kind: str, kinds: Mapping[str, str]) -> UnknownFault:
    """No such kind: the nearest one, and where the whole list is."""
    meant = hint(kind, (*kinds, *WIRE_FAULTS))
    return UnknownFault(
        f"there is no fault {kind!r}; {meant}known: {', '.join(kinds)}, and {len(WIRE_FAULTS)} of the wire "
        "(`wattpost sim fault kinds` lists all)"
    )
