"""On which line of a TOML file a thing stands: a mistake is told with its line, which the parser forgets."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from protocols import spelling

Place = tuple[str | int, ...]
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-]+|\"[^\"]*\")(?:\s*\.\s*[A-Za-z0-9_\-]+)*\s*=")


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line, from 1, of the key or table nearest to `place`, as pydantic's `loc` names it; of a list of
    tables as a whole that of its first."""
    wanted, best, at = tuple(place), 0, 1
    for number, found in _places(text):
        depth = _shared(wanted, found)
        if depth in (len(found), len(wanted)) and depth > best:
            best, at = depth, number
    return at


def told(
    document: type[BaseModel],
    mistake: Mapping[str, Any],
    text: str,
    file: str,
    written: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """One of pydantic's mistakes as file, line, what and what to do; `written`: keys as the file has them."""
    loc = [each for each in mistake["loc"] if each != "[key]"]
    place = [written.get(each, each) if isinstance(each, str) else each for each in loc]
    where = ".".join(str(step + 1 if isinstance(step, int) else step) for step in place)
    line = line_of(text, _within(place, str(mistake["msg"])))
    unknown = mistake["type"] == "extra_forbidden"
    said = spelling.advice(document, mistake["loc"]) if unknown else str(mistake["msg"])
    said = said.removeprefix("Value error, ")
    return f"{file}:{line}: {where}: {said}" if where else f"{file}:{line}: {said}"


def _within(place: Sequence[str | int], message: str) -> list[str | int]:
    """A mistake of a whole table that names its key, as `rule` or `rule.2`, stands at that key."""
    key, *steps = message.removeprefix("Value error, ").partition(":")[0].split(".")
    if not key.isidentifier() or not all(step.isdecimal() or step.isidentifier() for step in steps):
        return list(place)
    return [*place, key, *(int(step) - 1 if step.isdecimal() else step for step in steps)]


def _places(text: str) -> Iterator[tuple[int, Place]]:
    counts: dict[Place, int] = {}
    inside: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            inside = _opened(header.group(2), header.group(1) == "[[", counts)
            yield number, inside
        elif key := _KEY.match(line):
            yield number, (*inside, key.group(1).strip('"'))


def _opened(name: str, is_list: bool, counts: dict[Place, int]) -> Place:
    """The place a header opens; a list of tables counts on."""
    place: Place = ()
    names = [each.strip().strip('"') for each in name.split(".")]
    for depth, each in enumerate(names, 1):
        place = (*place, each)
        if depth == len(names) and is_list:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _shared(one: Place, other: Place) -> int:
    depth = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        depth += 1
    return depth
