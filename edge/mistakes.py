"""What is wrong in gateway.toml, one line for each mistake: the key as a person finds it, and what to do."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from protocols import spelling


class SettingsError(Exception):
    """The settings cannot be used; `mistakes` holds one line for each thing to mend."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


def causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the lists that count as empty only because what is in them is wrong."""
    return [
        each
        for each in errors
        if not any(
            len(o["loc"]) > len(each["loc"]) and o["loc"][: len(each["loc"])] == each["loc"] for o in errors
        )
    ]


def told(error: ErrorDetails, raw: Any, model: type[BaseModel]) -> str:
    """One mistake in one line: the key as a person finds it, what is wrong, what to do."""
    place = _place(error["loc"], raw)
    match error["type"]:
        case "missing":
            said = "is missing; add it"
        case "extra_forbidden":
            said = spelling.advice(model, error["loc"])
        case "settings":
            said = error["msg"]
        case _:
            said = f"{error['msg'][:1].lower()}{error['msg'][1:]}, but is {error['input']!r:.60}; correct it"
    return f"{place}: {said}" if place else said


def _place(loc: tuple[int | str, ...], raw: Any) -> str:
    """The key as a person finds it: list entries by their name or id, not by their number alone."""
    words: list[str] = []
    for step in loc:
        raw = _step(raw, step)
        if isinstance(step, int):
            name = raw.get("name", raw.get("id")) if isinstance(raw, Mapping) else None
            words[-1] += f"[{name or step + 1}]"
        else:
            words.append(step)
    return ".".join(words)


def _step(raw: Any, step: int | str) -> Any:
    try:
        return raw[step]
    except (KeyError, IndexError, TypeError):
        return None
