"""What is reckoned each night of the days that the archive has anew: part after part, each by itself.

A part that fails stops no other: it is logged, stands in the ledger of runs, and is due again the next time.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloud.insight.runs import Night

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is reckoned of a night; `version` is its rule's: another makes days due again.

    `again`: also for days that changed afterwards; without it only for the newest day there is.
    """

    name: str
    work: Callable[[Night], object]
    version: int = 1
    again: bool = True


class Nightly:
    """The job: `parts` in their order, for each archived day that is due to any of them."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
