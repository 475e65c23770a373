"""Reads a document of many rows, such as an import file: every wrong row is named, one line each."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cloud.kit.errors import Invalid
from protocols import spelling

MAX_PROBLEMS = 50
E_ = TypeVar("E_", bound=BaseModel)


def rows(
    kind: str, entry: type[E_], given: Any, key: Callable[[E_], object], problems: list[str]
) -> list[E_]:
    """The good rows of one kind; what is wrong with the others, or there twice, goes to `problems`."""
    return [row for _, row in numbered(kind, entry, given, key, problems)]


def numbered(
    kind: str, entry: type[E_], given: Any, key: Callable[[E_], object], problems: list[str]
) -> list[tuple[int, E_]]:
    """As `rows`, each with its number in the document, from 1."""
    if not isinstance(given, list):
        problems.append(f"{kind}: should be a list of tables")
        return []
    good: dict[object, tuple[int, E_]] = {}
    for number, row in enumerate(given, 1):
        try:
            checked = entry.model_validate(row)
        except ValidationError as error:
            problems.append(f"{kind} {number}: {spelling.told(entry, error)}")
            continue
        if key(checked) in good:
            problems.append(f"{kind} {number}: {kind} {key(checked)!r} is there twice")
        good[key(checked)] = (number, checked)
    return list(good.values())


def refuse(what: str, problems: Sequence[str]) -> None:
    """Raise Invalid with the first problems, when there are any."""
    if problems:
        raise Invalid(f"{what} refused, nothing was imported: {problems[0]}", problems[:MAX_PROBLEMS])
