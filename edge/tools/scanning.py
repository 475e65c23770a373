"""The search behind `scan`: expected meters first, then the tree, the other protocols, and the other speeds.

Reads only: 11H and 01H, 13H where one meter is alone, one GET of DL/T 698.45, register reads of Modbus.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from edge.links import Link
from edge.tools.asking import Asker, Verdict
from edge.tools.hearing import DLT645, DLT698, MODBUS
from edge.tools.refusals import named
from edge.tools.search import BRANCHES, Search
from protocols import models
from protocols.dlt645.conversations import address_of, read_address_request, read_request
from protocols.dlt645.frame import ANY_METER
from protocols.errors import FrameError, Refused

ENERGY: Final = {"2007": "00010000", "1997": "9010"}
PHASE_B: Final = "02010200"
FOUND, MISSING, STRANGER, WRONG_SPEED, TWINS = "found", "missing", "stranger", "wrong speed", "two meters"
UNITS: Final = range(1, 248)
EXCHANGE_BYTES: Final = 40


@dataclass(frozen=True, slots=True)
class Speed:
    baud: int
    parity: str

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity[0].upper()}1"

    @property
    def byte_s(self) -> float:
        return (10 if self.parity == "none" else 11) / self.baud


@dataclass(frozen=True, slots=True)
class Expected:
    """A meter that should be there; `speed` only if it is another than the line's."""

    id: str
    address: str | None = None
    unit: int | None = None
    model: str = ""
    speed: Speed | None = None

    @property
    def edition(self) -> str:
        return "1997" if self.model and models.load(self.model).protocol == "dlt645-1997" else "2007"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result. `proof` are the bytes that say so."""

    status: str
    protocol: str
    address: str
    id: str = ""
    model: str = ""
    speed: str = ""
    note: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to search: `tree` by abbreviated addresses, `units` of Modbus."""

    speeds: tuple[Speed, ...]
    expected: tuple[Expected, ...]
    wait_s: float
    tree: bool = True
    units: bool = False
    dlt645: bool = True

    def seconds(self) -> tuple[float, float, float]:
        """Time in s: without the tree, with one round of it, and of each further round."""
        each_s = [self.wait_s + EXCHANGE_BYTES * speed.byte_s for speed in self.speeds]
        asks = (len(self.expected) + 5) if self.dlt645 else len(self.expected)
        least_s = sum(each_s) * asks + sum(each_s) * len(UNITS) * self.units
        round_s = BRANCHES * each_s[0] if self.tree and self.dlt645 else 0.0
        return least_s, least_s + round_s, round_s


Tell = Callable[[str, int, int], None]


@dataclass(slots=True)
class Scanning:
    """`make_link` gives the line, not opened, at a speed."""

    wish: Wish
    make_link: Callable[[Speed], Link]
    tell: Tell = lambda _what, _done, _all: None
    asked: int = 0
    _rows: dict[tuple[str, str], Row] = field(default_factory=dict)

    def run(self) -> list[Row]:
        for speed in self.wish.speeds:
            link = self.make_link(speed)
            try:
                link.open()
                asker = Asker(link, self.wish.wait_s, speed.byte_s)
                self._at_speed(asker, speed)
                self.asked += len(asker.said)
            finally:
                link.close()
        return sorted([*self._rows.values(), *self._missing()], key=_order)

    def _at_speed(self, asker: Asker, speed: Speed) -> None:
        for row in self._steps(asker, speed):
            self._note(replace(row, speed=str(speed)), speed)

    def _steps(self, asker: Asker, speed: Speed) -> Iterator[Row]:
        yield from self._expected(asker)
        if self.wish.dlt645:
            yield from self._search(asker, speed)
            yield from _old_one(asker)
            yield from _dlt698(asker)
        if self.wish.units:
            yield from self._units(asker)

    def _note(self, row: Row, speed: Speed) -> None:
        """A row as the expected list sees it; the first speed at which a meter is found counts."""
        if (row.protocol, row.address) in self._rows and row.status != TWINS:
            return
        known = next(
            (each for each in self.wish.expected if row.address in (each.address, str(each.unit))), None
        )
        if known and row.status != TWINS:
            at_its_own = speed == (known.speed or self.wish.speeds[0])
            row = replace(row, status=FOUND if at_its_own else WRONG_SPEED)
        if known:
            row = replace(row, id=known.id, model=known.model)
        self._rows[row.protocol, row.address] = row

    def _missing(self) -> Iterator[Row]:
        for each in self.wish.expected:
            protocol, address = (DLT645, each.address) if each.address else (MODBUS, str(each.unit))
            if (protocol, address) not in self._rows:
                yield Row(MISSING, protocol, str(address), each.id, each.model)

    def _expected(self, asker: Asker) -> Iterator[Row]:
        for at, each in enumerate(self.wish.expected):
            self.tell("expected meters", at, len(self.wish.expected))
            if each.address and (DLT645, each.address) not in self._rows:
                yield from _direct(asker, each.address, each.edition)
            elif each.unit and (MODBUS, str(each.unit)) not in self._rows:
                yield from _unit(asker, each.unit)

    def _search(self, asker: Asker, speed: Speed) -> Iterator[Row]:
        if not self.wish.tree:
            return

        def ask(pattern: str) -> Verdict:
            return asker.ask(read_request(pattern, ENERGY["2007"]), whole="A" in pattern)

        search = Search(ask, lambda done, of: self.tell(f"search at {speed}", done, of))
        search.run()
        for address, verdict in search.twins.items():
            yield _twins(address, verdict)
        for address, verdict in search.found.items():
            yield self._stranger(asker, address, verdict)
        if len(search.found) == 1 and not search.twins and search.asked == 2:
            yield from _alone(asker)

    def _stranger(self, asker: Asker, address: str, verdict: Verdict) -> Row:
        """With a guess at its model, for the list of the settings."""
        if any(each.address == address for each in self.wish.expected):
            return Row(FOUND, DLT645, address, note=_refusal(verdict), proof=verdict.exchange.hex)
        answers = asker.ask(read_request(address, PHASE_B)).answers
        three = (
            bool(answers) and not answers[0].abnormal and answers[0].data[4:6] not in (b"\xff\xff", b"\0\0")
        )
        model = "dlt645-2007-3p" if three else "dlt645-2007-1p"
        return Row(STRANGER, DLT645, address, "", model, note=_refusal(verdict), proof=verdict.exchange.hex)

    def _units(self, asker: Asker) -> Iterator[Row]:
        for unit in UNITS:
            self.tell("Modbus units", unit, len(UNITS))
            if (MODBUS, str(unit)) not in self._rows:
                yield from _unit(asker, unit)


def _direct(asker: Asker, address: str, edition: str) -> Iterator[Row]:
    verdict = asker.ask(read_request(address, ENERGY[edition], edition), whole=True)
    if verdict.collided:
        verdict = asker.ask(read_request(address, ENERGY[edition], edition), whole=True)
    if verdict.collided and verdict.answers:
        yield _twins(address, verdict)
    elif verdict.collided:
        yield replace(
            _twins(address, verdict), note="garbled twice: two meters at it, or a bad wire or speed"
        )
    elif verdict.answers:
        yield Row(FOUND, DLT645, address, note=_refusal(verdict), proof=verdict.exchange.hex)


def _twins(address: str, verdict: Verdict) -> Row:
    note = "two answers to one address: set one of the meters to another"
    return Row(TWINS, DLT645, address, note=note, proof=verdict.exchange.hex)


def _refusal(verdict: Verdict) -> str:
    return next((named(frame) for frame in verdict.answers if frame.abnormal), "")


def _alone(asker: Asker) -> Iterator[Row]:
    """13H: the one meter on a line says its address itself."""
    verdict = asker.ask(read_address_request(), whole=True)
    if len(verdict.answers) != 1:
        return
    try:
        address = address_of(verdict.answers[0])
    except (FrameError, Refused):
        return
    yield Row(STRANGER, DLT645, address, model="dlt645-2007-1p", proof=verdict.exchange.hex)


def _old_one(asker: Asker) -> Iterator[Row]:
    """Meters of 1997 know no abbreviated addresses: one alone can be found, several only by their address."""
    verdict = asker.ask(read_request(ANY_METER, ENERGY["1997"], "1997"), whole=True)
    for frame in verdict.answers:
        if "A" not in frame.address and not frame.abnormal:
            yield Row(STRANGER, DLT645, frame.address, "", "dlt645-1997-1p", proof=verdict.exchange.hex)


def _dlt698(asker: Asker) -> Iterator[Row]:
    exchange, frames = asker.ask_698()
    for frame in frames:
        note = "speaks DL/T 698.45, which is not read yet"
        yield Row(STRANGER, DLT698, frame.address, note=note, proof=exchange.hex)


def _unit(asker: Asker, unit: int) -> Iterator[Row]:
    for fc in (3, 4):
        exchange, there = asker.ask_unit(unit, fc, 0)
        if there:
            yield Row(STRANGER, MODBUS, str(unit), proof=exchange.hex)
            return


def _order(row: Row) -> tuple[int, str, str]:
    return (
        (TWINS, MISSING, WRONG_SPEED, STRANGER, FOUND).index(row.status),
        row.protocol,
        row.address.zfill(12),
    )
