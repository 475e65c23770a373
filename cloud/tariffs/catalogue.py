"""The tariffs there are: documents out of TOML files, each judged whole; what is wrong is refused by line."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cloud.kit.errors import Invalid, NotFound
from cloud.kit.toml_lines import line_of, told
from cloud.tariffs.documents import Plan, Tariff
from cloud.tariffs.oddities import oddities
from protocols import spelling

MAX_BYTES = 1_000_000
_WRITTEN: Mapping[str, str] = {"plans": "plan"}
"""Keys as files have them."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A document and the file it stands in."""

    tariff: Tariff
    file: str
    text: str


class Catalogue:
    """Documents by id and day. Invalid: two of one id hold on the same day."""

    def __init__(self, filed: Iterable[Filed]) -> None:
        self._of: dict[str, list[Filed]] = {}
        self._aliases: dict[str, str] = {}
        for each in filed:
            self._of.setdefault(each.tariff.id, []).append(each)
            self._aliases |= dict.fromkeys(each.tariff.aliases, each.tariff.id)
        for found in self._of.values():
            found.sort(key=lambda each: each.tariff.from_)
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
        return [each.tariff for each in self._of[name]]

    def in_force(self, tariff: str, day: date) -> Tariff:
        """NotFound where no document of it holds on that day."""
        found = self.documents(tariff)
        for each in found:
            if each.holds(day):
                return each
        spans = ", ".join(f"{each.from_} to {each.to or 'further notice'}" for each in found)
        raise NotFound(f"tariff {tariff!r} has no document for {day}; it has {spans}")


def read(folder: Path | None = None) -> Catalogue:
    """What ships, and the station's own documents in `folder`, which stand in place of what ships of one id.

    Invalid names file, line and reason of the first that is wrong.
    """
    shipped = [
        each for each in files("cloud.policies").joinpath("tariffs").iterdir() if each.name.endswith(".toml")
    ]
    found = [parsed(each.read_text(encoding="utf-8"), each.name) for each in shipped]
    own = [from_file(path) for path in sorted(folder.glob("*.toml"))] if folder and folder.is_dir() else []
    replaced = {each.tariff.id for each in own}
    return Catalogue([*(each for each in found if each.tariff.id not in replaced), *own])


def from_file(path: Path) -> Filed:
    """One document. Invalid: file, line, what is wrong."""
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise Invalid(f"{path}: {len(content):,} bytes are no tariff; at most {MAX_BYTES:,}")
        return parsed(content.decode("utf-8"), str(path))
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Invalid(f"{path}:{line}: not UTF-8: save it as UTF-8") from None


def parsed(text: str, file: str) -> Filed:
    """Invalid: file, line, what is wrong; numbers are read as exact decimals."""
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file}: not TOML: {error}") from None
    try:
        return Filed(Tariff.model_validate(_named(content)), file, text)
    except ValidationError as error:
        found = [told(Tariff, each, text, file, _WRITTEN) for each in spelling.mistakes(Tariff, error)]
        raise Invalid(found[0], found) from None


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
        for each in oddities(filed.tariff)
    ]


def _place(of: Iterable[str | int]) -> list[str | int]:
    return [_WRITTEN.get(step, step) if isinstance(step, str) else step for step in of]


def _differences(plan: Plan, components: Any) -> Iterable[str]:
    for ratios in plan.ratios:
        for band, ratio in ({"flat": Decimal(1)} | ratios.said()).items():
            own, made = getattr(components.published, band), components.made(ratio)
            if own is not None and own != made.quantize(own):
                yield f"{components.from_}: {band} is published as {own}, the ratio {ratio} gives {made:f}"


def _named(content: Mapping[str, Any]) -> dict[str, Any]:
    """`[[plan]]` and `[[components]]` are written in the singular where that reads better."""
    return {("plans" if key == "plan" else key): value for key, value in content.items()}


def _apart(one: Filed, other: Filed) -> None:
    if one.tariff.to is None or one.tariff.to > other.tariff.from_:
        line = line_of(other.text, ["from"])
        until = one.tariff.to or "further notice"
        raise Invalid(
            f"{other.file}:{line}: {other.tariff.id} from {other.tariff.from_} overlaps that of {one.file}, "
            f"{one.tariff.from_} to {until}: give the older a `to`"
        )
