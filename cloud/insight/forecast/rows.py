"""Rows as bytes: a forecast of a group in two bytes a value, a score in float32.

Each curve is kept in parts of its subject's highest value (1/65534); 65535 stands for NaN.
"""

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast.night import SCORE, Issued

VERSION = 2
SLOTS = 96
_NOTHING = np.uint16(65535)
_MOST = 65534
_ROW = np.dtype(
    [
        ("unit", "<f4"),
        ("width", "<f4", (2,)),
        ("estimated", "<f4"),
        ("used", "<i2"),
        ("method", "i1"),
        ("reason", "i1"),
        ("kw", "<u2", (4, SLOTS)),
    ]
)


def of_issued(issued: Issued) -> bytes:
    rows = np.zeros(len(issued.p50), _ROW)
    kw = np.stack([issued.p10, issued.p50, issued.p90, issued.model], axis=1)
    top = np.where(np.isnan(kw), 0, kw).max(axis=(1, 2), initial=0)
    rows["unit"] = unit = np.where(top > 0, top / _MOST, 1).astype(np.float32)
    whole = np.rint(np.nan_to_num(kw) / unit[:, None, None]).clip(0, _MOST)
    rows["kw"] = np.where(np.isnan(kw), _NOTHING, whole.astype(np.uint16))
    for name in ("width", "estimated", "used", "method", "reason"):
        rows[name] = getattr(issued, name)
    return rows.tobytes()


def issued(content: bytes) -> Issued:
    """As `of_issued` had it, to 1/65534 of each subject's highest value."""
    rows = np.frombuffer(content, _ROW)
    kw = np.where(rows["kw"] == _NOTHING, np.nan, rows["kw"] * rows["unit"][:, None, None])
    p10, p50, p90, model = np.ascontiguousarray(kw.transpose(1, 0, 2).astype(np.float32))
    return Issued(
        p10, p50, p90, model, rows["width"].astype(np.float32), rows["method"].astype(np.int8),
        rows["reason"].astype(np.int8), rows["used"].astype(np.int16), rows["estimated"].astype(np.float32),
    )  # fmt: skip


def nothing(subjects: int) -> Issued:
    """Of subjects of which nothing was forecast."""
    blank = np.full((subjects, SLOTS), np.nan, np.float32)
    return Issued(
        blank, blank, blank, blank, np.ones((subjects, 2), np.float32), np.zeros(subjects, np.int8),
        np.zeros(subjects, np.int8), np.zeros(subjects, np.int16), np.zeros(subjects, np.float32),
    )  # fmt: skip


def of_score(score: NDArray[np.float32]) -> bytes:
    return score.astype("<f4").tobytes()


def score(content: bytes) -> NDArray[np.float32]:
    """(subjects, SCORE), a whole row of NaN where nothing was scored."""
    return np.frombuffer(content, "<f4").reshape(-1, SCORE)
