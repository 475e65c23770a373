"""The voltage and frequency an area gets: a pure function of (seed, area, phase, time)."""

from math import cos, pi

from firmware_sim.calendar import DAY_S, Calendar
from firmware_sim.draws import between, draw, swing
from firmware_sim.draws import key as key_of

_EVENING_S = 19.5 * 3600


class Supply:
    """The low-voltage busbar of one transformer area; 220 V nominal, a little high as rural taps are set."""

    __slots__ = ("_biases", "_calendar", "_key", "_sag", "_station")

    def __init__(self, seed: int, area: str, calendar: Calendar) -> None:
        self._key = key_of(seed, area, "supply")
        self._station = key_of(seed, "frequency")
        self._biases = tuple(226 + between(self._key, -4 + phase, -4, 4) for phase in range(3))
        self._sag = 2 + 3 * draw(self._key, -9)
        self._calendar = calendar

    def volts(self, phase: int, t_s: float) -> float:
        """Phase to neutral at the busbar, lowest in the evening; phase 0 is A."""
        _, second = self._calendar.split(t_s)
        evening = self._sag * cos(2 * pi * (second - _EVENING_S) / DAY_S)
        return self._biases[phase] - evening + 0.8 * swing(self._key + phase + 1, t_s / 60)

    def hertz(self, t_s: float) -> float:
        return 50 + 0.03 * swing(self._station, t_s / 20)
