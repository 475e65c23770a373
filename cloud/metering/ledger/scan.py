"""Reads from the store which slots have a value: what a count finds that was not noted as it came."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from cloud.kit.scope import WHOLE_STATION
from cloud.metering.ledger.counting import Marks
from cloud.metering.ledger.inbox import MAIN, Mark
from cloud.metering.store import ReadingStore, ms


def scanned(
    store: ReadingStore, meters: Sequence[str], start: datetime, end: datetime, since: datetime | None
) -> Marks:
    """Everything in [start, end); `row` indexes `meters`.

    The store does not know when a value came. It was not noted up to `since`, the count before, so it came
    after that; without a count before it is taken to have come at once.
    """
    (found,) = store.columns(WHOLE_STATION, meters, [MAIN], start, end)
    came = found.at_ms if since is None else np.maximum(found.at_ms, ms(since))
    return Marks(found.meter.astype(np.int64), found.at_ms, found.source.astype(np.int64), came)


def noted(marks: Sequence[Mark], rows: dict[str, int]) -> Marks:
    """The marks of those meters as arrays; `rows` gives each its number."""
    mine = [mark for mark in marks if mark.meter in rows]
    return Marks(
        np.array([rows[mark.meter] for mark in mine], np.int64),
        np.array([mark.at_ms for mark in mine], np.int64),
        np.array([mark.source for mark in mine], np.int64),
        np.array([mark.came_ms for mark in mine], np.int64),
    )


def both(one: Marks, other: Marks) -> Marks:
    return Marks(
        np.concatenate([one.row, other.row]),
        np.concatenate([one.at_ms, other.at_ms]),
        np.concatenate([one.source, other.source]),
        np.concatenate([one.came_ms, other.came_ms]),
    )


def of_rows(marks: Marks, rows: Sequence[int], many: int) -> Marks:
    """Those of some rows, which are numbered anew in their order; `many` rows there were."""
    new = np.full(many, -1, np.int64)
    new[list(rows)] = np.arange(len(rows))
    row = new[marks.row]
    mine = row >= 0
    return Marks(row[mine], marks.at_ms[mine], marks.source[mine], marks.came_ms[mine])
