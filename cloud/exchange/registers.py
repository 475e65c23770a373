"""Energies of intervals as a register that counts up in whole Wh, the remainder carried from one to the next.

So the register is never more than half a Wh from the exact sum, however many intervals it has counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cloud.exchange.walls import Floats, Ints


@dataclass(frozen=True, slots=True)
class State:
    """A register and what it is short of the exact sum (between -0.5 and 0.5 Wh)."""

    register_wh: int = 0
    remainder_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """A register over intervals without a gap: at `at_s` (n + 1,) it shows `values_wh` (n + 1,) int64.

    `is_doubtful`: that it begins again cannot be seen from its value.
    """

    at_s: Ints
    values_wh: Ints
    is_doubtful: bool = False


def runs(begin_s: Ints, energy_wh: Floats, interval_s: int, state: State) -> Iterator[tuple[Run, State]]:
    """`begin_s` (n,) rising, `energy_wh` (n,) of what is there, 0 or more; behind a gap it restarts at 0."""
    edges = np.flatnonzero(np.diff(begin_s) != interval_s) + 1
    for part, (own_s, own_wh) in enumerate(
        zip(np.split(begin_s, edges), np.split(energy_wh, edges), strict=True)
    ):
        before = state
        if part:
            state = State(0, state.remainder_wh)
        sums = np.concatenate([[0.0], np.cumsum(own_wh)]) + state.remainder_wh
        whole = np.rint(sums).astype(np.int64)
        whole[0] = 0
        values = state.register_wh + whole
        at_s = np.append(own_s, own_s[-1] + interval_s)
        state = State(int(values[-1]), float(sums[-1] - whole[-1]))
        yield Run(at_s, values, bool(part) and before.register_wh == 0), state
