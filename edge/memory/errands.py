"""An errand to a meter: what its line's thread asks, and what is done with the answer in the agent's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.drivers import MeterTalk
from edge.jobs import Priority


@dataclass(frozen=True, slots=True)
class Errand:
    """`done` gets the result; `failed` the exception, where a failure is to be known besides trying again."""

    meter: str
    name: str
    work: Callable[[MeterTalk], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None] | None = None
    priority: Priority = Priority.BACKLOG
