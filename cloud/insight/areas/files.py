"""An area's files of a day, opened once for all that is read of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import day_grid
from cloud.insight.areas.task import AreaTask
from cloud.insight.curves import Curves
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.vee.point_day import Channel


class Files:
    """Conflict, here and in all that is read: a file is damaged or gone."""

    def __init__(self, task: AreaTask) -> None:
        self._asked, self._interval_s = task.source, task.interval_s
        self._final = list(reader.opened(task.source.folder, task.source.final))
        self._method = list(reader.opened(task.source.folder, task.source.method))

    def curves(self, points: Sequence[str]) -> Curves:
        """What they took, and how each value came to be."""
        where = self._index(points)
        method = reader.assembled(self._method, where, Channel.IMPORT.value, Layer.METHOD)
        grid = day_grid(where.starts_ms, self._interval_s, self._asked.zone)
        wh = self.wh(points, Channel.IMPORT)
        return Curves(where.points, grid, where.starts_ms, self._interval_s, wh, method)

    def wh(self, points: Sequence[str], channel: Channel) -> NDArray[np.float32]:
        """(points, slots), NaN where missing."""
        found: NDArray[np.float32] = reader.assembled(
            self._final, self._index(points), channel.value, Layer.FINAL
        )
        return found

    def _index(self, points: Sequence[str]) -> reader.Index:
        asked = self._asked
        return reader.index(points, asked.first, asked.last, asked.zone, self._interval_s)
