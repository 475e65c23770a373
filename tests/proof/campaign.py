"""Kill real processes at random instants and count what became of every accepted reading.

Each victim has a hunter of its own, so that kills overlap. Half of a victim's kills wait until it has
stored or sent something since its start: a process that dies before it did anything proves nothing.
A faulty composition that says when it stands in its window is struck there, a few times.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cloud.demo.programs import ProgramError
from tests.proof.engines import Killable

LOOK_S = 0.02
AFTER_WORK = 0.6
PATIENCE_S = 15.0
REVIVE_S = 0.5
ENOUGH = 2
"""Kills in a window after which a hunt is over."""


@dataclass(slots=True)
class Victim:
    """`worked` is a number that grows whenever the process has stored or sent something."""

    name: str
    program: Killable
    worked: Callable[[], int]
    pause_s: tuple[float, float]
    window: Callable[[], int] | None = None  # a faulty composition says when it stands in its window
    kills: int = 0
    kills_after_work: int = 0

    @property
    def struck_enough(self) -> bool:
        return self.window is not None and self.kills >= ENOUGH


@dataclass(slots=True)
class Hunt:
    """One hunter for each victim until the time is up; then everything runs again."""

    victims: list[Victim]
    seed: int
    until: float
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        hunters = [
            threading.Thread(target=self._hunt, args=(victim, random.Random(f"{self.seed}/{victim.name}")))
            for victim in self.victims
        ]
        for hunter in hunters:
            hunter.start()
        for hunter in hunters:
            hunter.join()

    def _hunt(self, victim: Victim, rng: random.Random) -> None:
        while time.monotonic() < self.until and not victim.struck_enough:
            worked = self._wait(victim, rng)
            if time.monotonic() >= self.until:
                self._revive(victim)
                return
            victim.program.kill()
            victim.kills += 1
            victim.kills_after_work += worked
            victim.program.start()

    def _wait(self, victim: Victim, rng: random.Random) -> bool:
        """Until the instant to strike; whether the victim has worked by then."""
        before = victim.worked()
        if victim.window is not None:
            return self._grew(victim, victim.window, victim.window(), self.until - time.monotonic())
        if rng.random() < AFTER_WORK:
            self._grew(victim, victim.worked, before, PATIENCE_S)
            time.sleep(rng.uniform(0.0, 0.3))
        else:
            self._grew(victim, lambda: before, before, rng.uniform(*victim.pause_s))
        return victim.worked() > before

    def _grew(self, victim: Victim, number: Callable[[], int], before: int, seconds: float) -> bool:
        """Look until `number` has grown or the time is up, and see meanwhile that the victim lives."""
        until = min(self.until, time.monotonic() + seconds)
        while time.monotonic() < until:
            if number() > before:
                return True
            self._revive(victim)
            time.sleep(LOOK_S)
        return False

    def _revive(self, victim: Victim) -> None:
        """Started again as its service manager would: a cloud whose database was just killed ends at once."""
        if not victim.program.running:
            self.faults.append(victim.program.told())
            time.sleep(REVIVE_S)
            victim.program.start()


def wait_for(true: Callable[[], bool], seconds: float) -> bool:
    """Look until `true` or the time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return true()


__all__ = ["Hunt", "ProgramError", "Victim", "wait_for"]
