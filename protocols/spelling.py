"""An unknown key in a TOML file is told with the known one that was probably meant."""

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one; None when none is like it."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def advice(document: type[BaseModel], place: Sequence[int | str]) -> str:
    """What to do about the unknown key at that place (a pydantic `loc`, the key itself last)."""
    meant = nearest(str(place[-1]), _keys_at(document, place[:-1]))
    return f"no such key; did you mean {meant!r}?" if meant else "no such key; remove it"


def _keys_at(part: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    for step in place:
        if isinstance(step, int):
            continue
        field = next((f for name, f in part.model_fields.items() if step in (name, f.alias)), None)
        inner = next(_parts_in(field.annotation), None) if field else None
        if inner is None:
            return []
        part = inner
    return [field.alias or name for name, field in part.model_fields.items()]


def _parts_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation such as `tuple[Line, ...] | None` holds."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for inner in typing.get_args(annotation):
        yield from _parts_in(inner)
