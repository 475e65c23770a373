"""A file's register counts from elsewhere than the meter's own: a day uses the one or the other."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from cloud.metering.store import QUALITY_ID, SOURCE_ID, Columns
from protocols.readings import Quality, Source

_IMPORT = SOURCE_ID[Source.IMPORT]


def one_register(columns: Columns, bounds_ms: NDArray[np.int64]) -> tuple[Columns, frozenset[int]]:
    """Without what is not used on this day; and the meters (by index) of which the imported register is.

    It is where it was read more often than the meter was within the day: else the meter's own is believed.
    """
    imported = columns.source == _IMPORT
    if not imported.any():
        return columns, frozenset()
    inside = (columns.at_ms > bounds_ms[0]) & (columns.at_ms <= bounds_ms[-1])
    size = int(columns.meter.max()) + 1
    of_file = np.bincount(columns.meter[inside & imported], minlength=size)
    own = np.bincount(columns.meter[inside & ~imported], minlength=size)
    theirs = of_file > own
    used = imported == theirs[columns.meter]
    arrays = (columns.meter, columns.at_ms, columns.source, columns.quality, columns.values)
    return Columns(columns.quantity, *(each[used] for each in arrays)), frozenset(
        np.flatnonzero(theirs).tolist()
    )


def begins_again(
    columns: Columns, meters: Mapping[str, int], imported: frozenset[int]
) -> Iterator[tuple[str, int]]:
    """(meter, Unix ms) where an imported register begins again, which its values do not show."""
    if imported:
        names = {at: meter for meter, at in meters.items() if at in imported}
        doubtful = (columns.source == _IMPORT) & (columns.quality == QUALITY_ID[Quality.SUSPECT])
        for at in np.flatnonzero(doubtful).tolist():
            if (meter := names.get(int(columns.meter[at]))) is not None:
                yield meter, int(columns.at_ms[at])
