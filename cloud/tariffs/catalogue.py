"""The tariffs there are: documents out of TOML files, each judged whole; what is wrong is refused by line."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from cloud.kit.errors import Invalid, NotFound
from cloud.kit.toml_lines import line_of
from cloud.policies import shelf
from cloud.tariffs.documents import Plan, Tariff
from cloud.tariffs.oddities import oddities
from protocols import spelling

_WRITTEN: Mapping[str, str] = {"plans": "plan"}
"""Keys as files have them."""
Filed = shelf.Filed[Tariff]
SHELF = shelf.Shelf(Tariff, "tariffs", "tariff", 1_000_000, _WRITTEN)
from_file, parsed = SHELF.from_file, SHELF.parsed


class Catalogue:
    """Documents by id and day. Invalid: two of one id hold on the same day."""

    def __init__(self, filed: Iterable[Filed]) -> None:
        self._of: dict[str, list[Filed]] = {}
        self._aliases: dict[str, str] = {}
        for each in filed:
            self._of.setdefault(each.document.id, []).append(each)
            self._aliases |= dict.fromkeys(each.document.aliases, each.document.id)
        for found in self._of.values():
            found.sort(key=lambda each: each.document.from_)
            for one, other in pairwise(found):
                _apart(one, other)
        if both := self._aliases.keys() & self._of.keys():
            raise Invalid(f"tariff {min(both)!r} is an id and an alias of another")

    @property
    def ids(self) -> list[str]:
        return sorted(self._of)

    def documents(self, tariff: str) -> list[Tariff]:
        """All of one id or alias, oldest first. NotFound names what was probably meant."""
        name = self._aliases.get(tariff, tariff)
        if name not in self._of:
            known = [*self._of, *self._aliases]
            raise NotFound(
                f"no tariff {tariff!r}: {spelling.hint(tariff, known)}there are {', '.join(self.ids)}"
            )
        return [each.document for each in self._of[name]]

    def in_force(self, tariff: str, day: date) -> Tariff:
        """NotFound where no document of it holds on that day."""
        found = self.documents(tariff)
        for each in found:
            if each.holds(day):
                return each
        spans = ", ".join(f"{each.from_} to {each.to or 'further notice'}" for each in found)
        raise NotFound(f"tariff {tariff!r} has no document for {day}; it has {spans}")


def read(folder: Path | None = None) -> Catalogue:
    """What ships, and the station's own documents in `folder`. Invalid: as `Shelf.read`."""
    return Catalogue(SHELF.read(folder))


def remarks(tariff: Tariff) -> list[str]:
    """What is no mistake and should be known: not compared with the notice, published beside made prices."""
    found = [] if tariff.certain else ["not compared with the notice itself: certain = false"]
    for plan in tariff.plans:
        found += [line for each in tariff.components for line in _differences(plan, each)]
    return [*found, *tariff.remarks]


def warnings(filed: Filed) -> list[str]:
    """File, line and what is odd about it: accepted, and to be looked at."""
    return [
        f"{filed.file}:{line_of(filed.text, _place(each.place))}: {each.what}"
        for each in oddities(filed.document)
    ]


def _place(of: Iterable[str | int]) -> list[str | int]:
    return [_WRITTEN.get(step, step) if isinstance(step, str) else step for step in of]


def _differences(plan: Plan, components: Any) -> Iterable[str]:
    for ratios in plan.ratios:
        for band, ratio in ({"flat": Decimal(1)} | ratios.said()).items():
            own, made = getattr(components.published, band), components.made(ratio)
            if own is not None and own != made.quantize(own):
                yield f"{components.from_}: {band} is published as {own}, the ratio {ratio} gives {made:f}"


def _apart(one: Filed, other: Filed) -> None:
    older, newer = one.document, other.document
    if older.to is None or older.to > newer.from_:
        line = line_of(other.text, ["from"])
        until = older.to or "further notice"
        raise Invalid(
            f"{other.file}:{line}: {newer.id} from {newer.from_} overlaps that of {one.file}, "
            f"{older.from_} to {until}: give the older a `to`"
        )
