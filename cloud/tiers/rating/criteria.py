"""Criteria over named inputs: who fits, and whether a list of them leaves a gap or has one nobody reaches."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.tiers.rating.inputs import AT, INPUTS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MOST_CELLS = 100_000


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Condition(Strict):
    """[at_least, below) of a number, or `is` of a flag; what is not known fits nothing."""

    at_least: float | None = None
    below: float | None = None
    is_: bool | None = Field(default=None, alias="is")

    @model_validator(mode="after")
    def _says_something(self) -> "Condition":
        numbers = self.at_least is not None or self.below is not None
        if numbers == (self.is_ is not None):
            raise ValueError("say `at_least`, `below` or both of a number, `is` of a flag")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError(f"nothing is at least {self.at_least:g} and below {self.below:g}")
        return self

    def fits(self, values: Floats) -> Bools:
        """Of values (n,), NaN where unknown."""
        if self.is_ is not None:
            flagged: Bools = values == float(self.is_)
            return flagged
        found = ~np.isnan(values)
        if self.at_least is not None:
            found &= values >= self.at_least
        if self.below is not None:
            found &= values < self.below
        return found

    @property
    def edges(self) -> list[float]:
        if self.is_ is not None:
            return [1.0]
        return [each for each in (self.at_least, self.below) if each is not None]


Conditions = Mapping[str, Condition]


def fits(when: Conditions, table: Floats) -> Bools:
    """(n,) of `table` (n, inputs): all conditions hold; none: everybody fits."""
    found = np.ones(len(table), np.bool_)
    for name, condition in when.items():
        found &= condition.fits(table[:, AT[name]])
    return found


def first_fitting(several: Sequence[Conditions], table: Floats) -> NDArray[np.int64]:
    """(n,) the first of several that fits each row, -1 for none."""
    found = np.full(len(table), -1)
    for number, when in enumerate(several):
        found[(found < 0) & fits(when, table)] = number
    return found


def unknown_inputs(several: Sequence[Conditions]) -> list[str]:
    """Names that are no inputs, or a number's condition on a flag and the reverse."""
    found = []
    for when in several:
        for name, condition in when.items():
            if name not in INPUTS:
                found.append(f"{name}: no such input; there are {', '.join(sorted(INPUTS))}")
            elif INPUTS[name].flag != (condition.is_ is not None):
                found.append(f"{name}: is a {'flag' if INPUTS[name].flag else 'number'}")
    return found


def gap(several: Sequence[Conditions]) -> str | None:
    """In words a case that none of them takes; None where every case is taken, the unknown ones too.

    Between two edges next to one another nothing changes: one case of each cell stands for all of it.
    """
    table, said = _cells(several)
    missed = np.flatnonzero(first_fitting(several, table) < 0)
    return None if len(missed) == 0 else said(int(missed[0]))


def never_reached(several: Sequence[Conditions]) -> list[int]:
    """Those of which every case is taken by one before."""
    table, _ = _cells(several)
    return sorted(set(range(len(several))) - set(first_fitting(several, table).tolist()))


def _cells(several: Sequence[Conditions]) -> tuple[Floats, Callable[[int], str]]:
    """A row for each cell of the inputs that are named, unknown among them; and what a row says."""
    names = sorted({name for when in several for name in when})
    cases: list[list[tuple[float, str]]] = []
    for name in names:
        edges = sorted({edge for when in several if name in when for edge in when[name].edges})
        cases.append(_cases(name, edges))
    rows = list(product(*cases))
    if len(rows) > MOST_CELLS:
        raise ValueError(f"too many different conditions to see through: {len(rows)} cases")
    table = np.full((len(rows), len(INPUTS)), np.nan)
    for at, name in enumerate(names):
        table[:, AT[name]] = [row[at][0] for row in rows]

    def said(row: int) -> str:
        return ", ".join(text for _, text in rows[row]) or "everybody"

    return table, said


def _cases(name: str, edges: Sequence[float]) -> list[tuple[float, str]]:
    if INPUTS[name].flag:
        return [(np.nan, f"{name} unknown"), (0.0, f"{name} false"), (1.0, f"{name} true")]
    found = [(edges[0] - 1.0, f"{name} below {edges[0]:g}"), (edges[-1], f"{name} from {edges[-1]:g} on")]
    found += [(low, f"{name} from {low:g} to {high:g}") for low, high in pairwise(edges)]
    return [*found, (np.nan, f"{name} unknown")]
