"""An area's day of indicators as bytes: floats column by column, their bytes sorted by significance, zlib."""

import json
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LEVEL = 1
"""Higher levels cost ten times the time for a twentieth of the size."""


def of_values(values: NDArray[np.float32]) -> bytes:
    """float32 (points, columns); like bytes of like floats lie together, and only then does it pack well."""
    little = np.ascontiguousarray(values.T, "<f4").view(np.uint8).reshape(-1, 4)
    return zlib.compress(little.T.tobytes(), _LEVEL)


def values(content: bytes, points: int) -> NDArray[np.float32]:
    """As `of_values` had them."""
    raw = np.frombuffer(zlib.decompress(content), np.uint8).reshape(4, -1)
    columns = np.ascontiguousarray(raw.T).view("<f4").reshape(-1, points)
    return np.ascontiguousarray(columns.T, np.float32)


def of_points(points: Sequence[str]) -> bytes:
    return zlib.compress(json.dumps(list(points), ensure_ascii=False).encode(), _LEVEL)


def points(content: bytes) -> tuple[str, ...]:
    return tuple(json.loads(zlib.decompress(content)))
