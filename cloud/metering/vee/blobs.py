"""The arrays of a day as bytes for its row: little-endian, a mark that is the same all day only once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOTHING = np.iinfo(np.int32).min
"""Stands for NaN among int32."""


def of_final(final_wh: NDArray[np.float64]) -> bytes:
    """Two bytes with the number of slots, then int32 if all are whole and small enough, else float64."""
    slots = len(final_wh).to_bytes(2, "little")
    known = final_wh[~np.isnan(final_wh)]
    if np.all(np.abs(known) < -float(_NOTHING)) and np.all(known == np.rint(known)):
        return slots + np.where(np.isnan(final_wh), _NOTHING, final_wh).astype("<i4").tobytes()
    return slots + final_wh.astype("<f8").tobytes()


def final(content: bytes) -> NDArray[np.float64]:
    """As `of_final` had it."""
    slots = int.from_bytes(content[:2], "little")
    if len(content) == 2 + 8 * slots:
        return np.frombuffer(content, "<f8", slots, 2).astype(np.float64)
    whole = np.frombuffer(content, "<i4", slots, 2)
    return np.where(whole == _NOTHING, np.nan, whole.astype(np.float64))


def of_marks(marks: NDArray[Any]) -> bytes:
    """Unsigned integers of any size; one of them when all are the same."""
    little = marks.astype(marks.dtype.newbyteorder("<"))
    return (little[:1] if len(marks) and np.all(marks == marks[0]) else little).tobytes()


def marks(content: bytes, dtype: np.dtype[Any], slots: int) -> NDArray[Any]:
    """As `of_marks` had them; `slots` says how many."""
    found = np.frombuffer(content, dtype)
    spread = np.repeat(found, slots) if len(found) == 1 else found
    return spread.astype(dtype.newbyteorder("="))
