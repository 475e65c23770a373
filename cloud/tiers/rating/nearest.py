"""The nearest change that would move a tier: of one input, in its unit, so that the score crosses the cut.

Pure. A value is told rounded away from those of other customers, to two figures: it is nobody's own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.rating.inputs import INPUTS, Input
from cloud.tiers.rating.percentiles import midrank
from cloud.tiers.rating.scores import Compared, Scored

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Nearest:
    """(n,) accounts: the input's column, -1 where no single change does it, and the value it would need."""

    column: Ints
    value: Floats


def nearest(values: Floats, scored: Scored, target: Floats) -> Nearest:
    """Of each account what brings its score beyond `target` (n,), NaN for nobody: up where it is above.

    Inputs that a customer can move by how they use or pay go before all others; of several the one that is
    nearest in parts of the group's spread.
    """
    count = len(values)
    best, column, wanted = np.full(count, np.inf), np.full(count, -1), np.full(count, np.nan)
    gap = target - scored.score
    for at, name in enumerate(scored.names):
        compared = scored.compared[at]
        if compared is None:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = gap / scored.weight[:, at]
        found = _needed(values[:, at], scored.q[:, at], shift, compared, INPUTS[name])
        far = np.abs(found - values[:, at]) / compared.spread + (0.0 if INPUTS[name].own else 1e6)
        nearer = ~np.isnan(far) & (far < best)
        best, column, wanted = (
            np.where(nearer, far, best), np.where(nearer, at, column), np.where(nearer, found, wanted),
        )  # fmt: skip
    return Nearest(column.astype(np.int64), wanted)


def _needed(own: Floats, q: Floats, shift: Floats, compared: Compared, what: Input) -> Floats:
    """(n,) the value at which the percentile is `q + shift` or beyond, NaN where there is none.

    With one's own value taken out, L of the n - 1 others below give (L + 0.5) / n.
    """
    up = _upwards(own * compared.sign, q + shift, compared.known)
    down = -_upwards(-own * compared.sign, 1 - (q + shift), -compared.known[::-1])
    oriented = np.where(shift > 0, up, down)
    upwards = (shift > 0) == (compared.sign > 0)
    found = _rounded_away(oriented * compared.sign, own, upwards, what.grain)
    possible = (found >= what.least) & (found <= what.most) & ~np.isnan(found)
    return np.where(possible, found, np.nan)


def _upwards(own: Floats, wanted: Floats, known: Floats) -> Floats:
    """(n,) a bound that has to be exceeded; NaN where not even the most would do."""
    count = len(known)
    below = np.ceil(count * wanted - 0.5 + EPSILON)
    usable = ~np.isnan(below) & (below >= 1) & (below <= count - 1)
    at = np.where(usable, below, 0).astype(np.int64)
    found = known[np.minimum(at, count - 1)]
    return np.where(usable & ~np.isnan(own), np.maximum(found, own), np.nan)


def _rounded_away(bound: Floats, own: Floats, upwards: NDArray[np.bool_], grain: float) -> Floats:
    """Beyond `bound`, seen from one's own value: in two figures, or in whole grains, one at least."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.maximum(np.abs(bound), np.abs(bound - own))
        figures = 10.0 ** (np.floor(np.log10(np.where(size > 0, size, 1.0))) - 1)
        unit = np.maximum(figures, grain)
        up = (np.floor(bound / unit + EPSILON) + 1) * unit
        down = (np.ceil(bound / unit - EPSILON) - 1) * unit
        up = np.where(up - own < grain - EPSILON, up + unit, up)
        down = np.where(own - down < grain - EPSILON, down - unit, down)
    found: Floats = np.round(np.where(upwards, up, down), 12).astype(np.float64)
    return found


def reached(values: Floats, scored: Scored, row: int, column: int, value: float) -> float:
    """The score of one account if that one input were so, all others as they are."""
    compared = scored.compared[column]
    assert compared is not None
    own, new = values[row, column] * compared.sign, value * compared.sign
    others = np.delete(compared.known, int(np.searchsorted(compared.known, own)))
    known = np.sort(np.append(others, new))
    q = midrank(known, np.array([new]))[0]
    weight = scored.weight[row, column]
    return float(scored.score[row] + weight * (q - scored.q[row, column]))
