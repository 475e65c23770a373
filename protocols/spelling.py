"""An unknown key in a TOML file is told with the known one that was probably meant."""

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_EXTRA = "extra_forbidden"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one; None when none is like it."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def hint(word: str, known: Iterable[str]) -> str:
    """The nearest known word as the first half of an answer; nothing when none is like it."""
    meant = nearest(word, known)
    return f"did you mean {meant!r}? " if meant else ""


def advice(document: type[BaseModel], place: Sequence[int | str]) -> str:
    """What to do about the unknown key at that place (a pydantic `loc`, the key itself last)."""
    meant = nearest(str(place[-1]), _keys_at(document, place[:-1]))
    return f"no such key; did you mean {meant!r}?" if meant else "no such key; remove it"


def told(document: type[BaseModel], error: ValidationError) -> str:
    """The first mistake of a document in one line: where, what, what to do.

    A misspelt key goes before what seems to be missing because of it.
    """
    mistakes = error.errors(include_url=False)
    first = next((each for each in mistakes if each["type"] == _EXTRA), mistakes[0])
    where = ".".join(str(step + 1 if isinstance(step, int) else step) for step in first["loc"])
    said = advice(document, first["loc"]) if first["type"] == _EXTRA else first["msg"]
    return f"{where}: {said}" if where else said


def mistakes(document: type[BaseModel], error: ValidationError) -> list[ErrorDetails]:
    """All that is wrong, less what only follows from another mistake: a key misspelt, an entry refused."""
    found = error.errors(include_url=False)
    meant = {
        (*each["loc"][:-1], nearest(str(each["loc"][-1]), _keys_at(document, each["loc"][:-1])))
        for each in found
        if each["type"] == _EXTRA
    }
    return [
        each
        for each in found
        if not (each["type"] == "missing" and each["loc"] in meant)
        and not (each["type"] == "too_short" and _has_inside(each["loc"], found))
    ]


def _has_inside(place: Sequence[int | str], found: Sequence[ErrorDetails]) -> bool:
    """Whether a list is too short only because an entry of it is wrong."""
    return any(each["loc"][: len(place)] == place and len(each["loc"]) > len(place) for each in found)


def _keys_at(part: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    is_named = False  # inside a table of named tables, the next step is such a name
    for step in place:
        if isinstance(step, int) or is_named:
            is_named = False
            continue
        field = next((f for name, f in part.model_fields.items() if step in (name, f.alias)), None)
        inner = next(_parts_in(field.annotation), None) if field else None
        if field is None or inner is None:
            return []
        part, is_named = inner, _is_mapping(field.annotation)
    return [field.alias or name for name, field in part.model_fields.items()]


def _is_mapping(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _parts_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation such as `tuple[Line, ...] | None` holds."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for inner in typing.get_args(annotation):
        yield from _parts_in(inner)
