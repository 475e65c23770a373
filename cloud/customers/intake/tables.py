"""A table of one kind of row about customers: columns in two languages, read into rows or refused by row."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from cloud.customers.intake.documents import given_of
from cloud.customers.intake.kinds import Given, Kind, Taking
from cloud.fleet.imports import Refusal
from cloud.fleet.sheets import Sheet
from cloud.kit.errors import Invalid
from protocols import spelling

CLEAR = "-"
"""In a cell: nothing any more. An empty cell leaves what is known as it is."""


def kind_of(sheet: Sheet, kinds: Sequence[Kind], named: str = "") -> Kind:
    """Which kind a table is of: the one that was named, or the one that knows all its columns."""
    if named:
        found = [kind for kind in kinds if kind.name == named]
        if not found:
            names = [kind.name for kind in kinds]
            raise Invalid(f"--kind {named!r}: {spelling.hint(named, names)}use one of {', '.join(names)}")
        return found[0]
    fitting = [kind for kind in kinds if _fits(sheet.headings, kind)]
    if len(fitting) != 1:
        among = ", ".join(kind.name for kind in (fitting or kinds))
        raise Invalid(f"row 1: the columns do not say what the rows are: give --kind, one of {among}")
    return fitting[0]


def rows(sheet: Sheet, kind: Kind, taking: Taking) -> tuple[list[Given], list[Refusal]]:
    """The good rows, and why the others are none; Invalid when the columns are not those of this kind."""
    names = _fields(sheet.headings, kind)
    good: dict[Any, Given] = {}
    refused: list[Refusal] = []
    for number, cells in sheet.rows:
        values = {
            names[heading]: _in_our_words(kind, names[heading], cell) for heading, cell in cells.items()
        }
        try:
            row = given_of(kind, number, kind.entry.model_validate(values), taking)
        except ValidationError as error:
            refused.append(Refusal(number, _told(kind, error, names, cells)))
            continue
        if row.key in good:
            why = f"{kind.name} {kind.shown(row.key)} is in row {good[row.key].number} already"
            refused.append(Refusal(number, why))
            continue
        good[row.key] = row
    return list(good.values()), refused


def subjects(sheet: Sheet, kind: Kind, refused: Sequence[Refusal]) -> set[str]:
    """Of whom the refused rows speak."""
    names, numbers = _fields(sheet.headings, kind), {each.row for each in refused}
    heading = next((heading for heading, name in names.items() if name == kind.key[0]), None)
    found = (cells.get(heading) for number, cells in sheet.rows if heading and number in numbers)
    return {each for each in found if each is not None}


def template(kind: Kind, language: str) -> str:
    """A CSV with the headings alone; a byte order mark tells spreadsheets that it is UTF-8."""
    text = io.StringIO(newline="")
    heads = [name if language == "en" else aliases[0] for name, aliases in kind.columns.items()]
    csv.writer(text).writerow(heads)
    return "\ufeff" + text.getvalue()


def _known(kind: Kind) -> dict[str, str]:
    return {alias: name for name, aliases in kind.columns.items() for alias in (name, *aliases)}


def _named(heading: str, known: Mapping[str, str]) -> str | None:
    return known.get(heading) or known.get(heading.lower().replace(" ", "_"))


def _fits(headings: Sequence[str], kind: Kind) -> bool:
    named = [_named(each, _known(kind)) for each in headings]
    required = {field.alias or name for name, field in kind.entry.model_fields.items() if field.is_required()}
    return None not in named and required <= set(named)


def _fields(headings: Sequence[str], kind: Kind) -> dict[str, str]:
    known = _known(kind)
    found: dict[str, str] = {}
    for heading in headings:
        name = _named(heading, known)
        if name is None:
            raise Invalid(
                f"row 1: no column of a {kind.name} is called {heading!r}; {spelling.hint(heading, known)}"
                f"there are {', '.join(kind.columns)}"
            )
        if name in found.values():
            raise Invalid(f"row 1: {heading!r} and another column are both the {name}")
        found[heading] = name
    return found


def _in_our_words(kind: Kind, name: str, cell: str) -> str | None:
    return None if cell == CLEAR else kind.words.get(name, {}).get(cell, cell)


def _told(kind: Kind, error: ValidationError, names: Mapping[str, str], cells: Mapping[str, str]) -> str:
    """All that is wrong with a row, in the file's own words: which column, what stands there, what may."""
    headings = {name: heading for heading, name in names.items()}
    found: dict[str, str] = {}
    for each in error.errors(include_url=False):
        said = str(each["msg"]).removeprefix("Value error, ")
        if not each["loc"]:
            found.setdefault("", said)
            continue
        name = str(each["loc"][0])
        words = ", ".join(kind.words.get(name, ()))
        wanted = f"use one of {words}" if words else said
        heading = headings.get(name, name)
        shown = f" {cells[heading]!r}" if heading in cells else ""
        found.setdefault(name, f"{heading}{shown}: {wanted}")
    return "; ".join(found.values())
