"""The newest values of meters in memory, kept by the one who writes them: an engine is slow to find them.

Only a meter that was looked up once is here (`fill`), and everything that is written of it afterwards is told
(`take`); where that cannot be told, it is dropped and looked up again. The value of a quantity is that of the
newest reading that had it, of one instant the preferred source's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cloud.metering.store import SOURCE_ID, Latest, normal
from protocols.readings import Reading


@dataclass(frozen=True, slots=True)
class _Of:
    """The newest reading, and the newest of what it has not got."""

    reading: Reading
    older: Mapping[str, Latest]


class Newest:
    """A meter's entry is changed by whoever has its turn, and replaced whole: reading needs no lock."""

    def __init__(self) -> None:
        self._of: dict[str, _Of | Mapping[str, Latest]] = {}

    def __contains__(self, meter: str) -> bool:
        return meter in self._of

    def fill(self, meter: str, found: Iterable[Latest]) -> None:
        self._of[meter] = {each.quantity: each for each in found}

    def drop(self, meters: Iterable[str]) -> None:
        for meter in meters:
            self._of.pop(meter, None)

    def take(self, readings: Iterable[Reading]) -> None:
        """Under these there was nothing before, and now there is."""
        for new in readings:
            held = self._of.get(new.meter)
            if held is None:
                continue
            if isinstance(held, _Of):
                before = held.reading
                if new.at_ms > before.at_ms and new.values.keys() == before.values.keys():
                    self._of[new.meter] = _Of(new, held.older)
                    continue
            self._of[new.meter] = _merged(held, new)

    def of(self, meter: str) -> list[Latest] | None:
        """In order of quantity; None: look it up."""
        held = self._of.get(meter)
        return None if held is None else [each for _, each in sorted(_all(held).items())]


def _all(held: _Of | Mapping[str, Latest]) -> dict[str, Latest]:
    return {**held.older, **_said(held.reading)} if isinstance(held, _Of) else dict(held)


def _said(reading: Reading) -> dict[str, Latest]:
    meter, at_ms, source, quality = reading.meter, reading.at_ms, reading.source, reading.quality
    return {
        quantity: Latest(meter, quantity, at_ms, source, normal(quantity, value), quality)
        for quantity, value in reading.values.items()
    }


def _merged(held: _Of | Mapping[str, Latest], new: Reading) -> _Of | Mapping[str, Latest]:
    known, said = _all(held), _said(new)
    if all(each.at_ms < new.at_ms for each in known.values()):
        return _Of(new, {quantity: each for quantity, each in known.items() if quantity not in said})
    for quantity, each in said.items():
        if quantity not in known or _rank(each) > _rank(known[quantity]):
            known[quantity] = each
    return known


def _rank(each: Latest) -> tuple[int, int]:
    return each.at_ms, -SOURCE_ID[each.source]
