"""Life events by order, in the form of faults: what happens is over at once, what lasts can be cleared."""

from collections.abc import Mapping

from firmware_sim.bus_faults import Act, UnknownFault, named
from firmware_sim.life import MOMENTS, STATES, BadLife, enter, moment
from firmware_sim.meter import Meter

BREAKER_OPEN = "breaker-open"
LIFE_KINDS: Mapping[str, str] = {
    BREAKER_OPEN: "METER: the breaker of that customer is open; whichever meter serves it is dark",
    **{kind: form for kind, (form, _) in MOMENTS.items()},
    **{kind: form for kind, (form, _) in STATES.items()},
}


class LifeFaults:
    def __init__(self, meters: Mapping[str, Meter]) -> None:
        self._meters = meters

    def action(self, kind: str, target: str) -> Act | None:
        """What giving or clearing it does; None when it is nothing of a meter's life."""
        if kind in STATES:
            return self._state(kind, named(self._meters, "meter", target))
        if kind not in MOMENTS:
            return None
        name, _, value = target.partition(":")
        return _moment(kind, named(self._meters, "meter", name), value)

    def _state(self, kind: str, meter: Meter) -> Act:
        async def act(on: bool, at_ms: int) -> None:
            enter(kind, meter, on, at_ms)

        return act


def _moment(kind: str, meter: Meter, value: str) -> Act:
    try:
        happen = moment(kind, meter, value)
    except BadLife as error:
        raise UnknownFault(str(error)) from None

    async def act(on: bool, at_ms: int) -> None:
        if on:
            happen(at_ms)

    return act
