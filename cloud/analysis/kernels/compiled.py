"""How kernels are compiled: the only importer of numba. Without the GIL, kept on disk between starts.

A hole is NaN and compares with nothing: no kernel may be compiled with fast-math's promise of no NaN.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

NAN_SAFE = frozenset({"nsz", "arcp", "contract", "afn", "reassoc"})
"""What of fast-math leaves NaN and infinity alone; `reassoc` lets sums go across lanes."""


def compiled(work: F) -> F:
    return cast(F, numba.njit(nogil=True, cache=True)(work))


def compiled_loosely(work: F) -> F:
    """For sums whose order does not matter to anybody; rounding may differ in the last bits."""
    return cast(F, numba.njit(nogil=True, cache=True, fastmath=set(NAN_SAFE))(work))
