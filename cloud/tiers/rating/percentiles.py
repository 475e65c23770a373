"""Who is compared with whom, and where each stands among them: percentiles that depend on no order.

Mid-rank percentiles (r - 0.5) / n of ties' mean rank r: they lie in (0, 1), their mean is 0.5, and they stay
what they are when an input is multiplied by a positive number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows of those `rated` here, and of all the `members` that they are compared with."""

    class_: str
    members: Ints
    rated: Ints


def comparisons(classes: Sequence[str], voltages: Sequence[str], least: int) -> list[Comparison]:
    """Who is compared with whom: class and voltage; under `least` there with the whole class; under `least`
    in the class with nobody: those are in no comparison."""
    found = []
    class_of, voltage_of = np.asarray(classes, object), np.asarray(voltages, object)
    for class_ in sorted(set(classes)):
        mine = np.flatnonzero(class_of == class_)
        if len(mine) < least:
            continue
        few = []
        for voltage in sorted(set(voltage_of[mine])):
            group = mine[voltage_of[mine] == voltage]
            if len(group) >= least:
                found.append(Comparison(class_, group, group))
            else:
                few.append(group)
        if few:
            found.append(Comparison(class_, mine, np.sort(np.concatenate(few))))
    return found


def midrank(known: Floats, values: Floats) -> Floats:
    """(m,) percentile of each of `values` among `known` (n,) sorted, of which it is one."""
    low = np.searchsorted(known, values, "left")
    high = np.searchsorted(known, values, "right")
    found: Floats = (low + high) / (2 * len(known))
    return found
