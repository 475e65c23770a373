"""A reading is put together from parts: what is refused is asked singly, what stays silent is left out."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from edge.links import NoReply
from protocols.errors import FrameError, Refused
from protocols.readings import Value

RETRY_EVERY: Final = 96
"""What a meter refused is asked again in one reading out of so many: firmware changes, but rarely."""
GIVE_UP_AFTER: Final = 2
"""Parts in a row without a sound answer that end a reading: the meter is not there any more."""

W = TypeVar("W", bound=Hashable)
Failure = Refused | NoReply | FrameError


@dataclass(frozen=True, slots=True)
class Part(Generic[W]):
    """One question, and the smaller ones that together bring the same."""

    what: W
    singles: tuple["Part[W]", ...] = ()


class Refusals(Generic[W]):
    """Which parts a meter lacks, so that it is not asked for them every time, and which it once gave."""

    def __init__(self) -> None:
        self._lacking: dict[str, set[W]] = {}
        self._given: dict[str, set[W]] = {}
        self._reads: dict[str, int] = {}

    def begin(self, meter: str) -> None:
        count = self._reads[meter] = self._reads.get(meter, 0) + 1
        if count % RETRY_EVERY == 0:
            self.forget(meter)

    def forget(self, meter: str) -> None:
        self._lacking.pop(meter, None)

    def note(self, meter: str, part: Part[W] | None) -> None:
        if part is not None:
            self._lacking.setdefault(meter, set()).add(part.what)

    def gave(self, meter: str, what: W) -> None:
        self._given.setdefault(meter, set()).add(what)

    def has(self, meter: str, what: W) -> bool:
        return what in self._given.get(meter, ())

    def lacks(self, meter: str, what: W) -> bool:
        return what in self._lacking.get(meter, ())


def gather(
    meter: str,
    parts: Iterable[Part[W]],
    ask: Callable[[W], Mapping[str, Value]],
    refusals: Refusals[W],
    lasting: Callable[[int], bool],
) -> dict[str, Value]:
    """The values of all parts that were answered. Raises the last failure when there is none.

    A whole part that met silence is told apart from a silent meter by its first single: some meters do not
    even refuse what they do not have. A part that the meter once gave needs no such second question.
    """
    refusals.begin(meter)
    values: dict[str, Value] = {}
    failure: Failure = Refused(0, "it answered, and had no value to give")
    queue, failed, in_doubt = deque(parts), 0, None
    while queue and failed < GIVE_UP_AFTER:
        part = queue.popleft()
        if refusals.lacks(meter, part.what):
            queue.extendleft(reversed(part.singles))
            continue
        got = _outcome(ask, part.what)
        if isinstance(got, Mapping):
            values.update(got)
            refusals.gave(meter, part.what)
        elif isinstance(got, NoReply) and not values and refusals.has(meter, part.what):
            raise got
        else:
            failure = got
            queue.extendleft(reversed(part.singles))
        if isinstance(got, NoReply | FrameError):
            failed += 1
            in_doubt = part if part.singles and isinstance(got, NoReply) else None
        else:
            failed = 0
            refusals.note(meter, in_doubt)
            in_doubt = None
            refusals.note(meter, part if isinstance(got, Refused) and lasting(got.code) else None)
    if not values:
        refusals.forget(meter)
        raise failure
    return values


def _outcome(ask: Callable[[W], Mapping[str, Value]], what: W) -> Mapping[str, Value] | Failure:
    try:
        return ask(what)
    except (Refused, NoReply, FrameError) as failure:
        return failure
