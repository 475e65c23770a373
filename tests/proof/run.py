"""One campaign from the first process to the last count."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.proof.campaign import Hunt, Victim, wait_for
from tests.proof.station import ProofStation

FIRST_WORD_S = 60.0
DRAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one station."""

    accepted: int
    stored: int
    lost: int
    counted_twice: int
    wire_duplicates: int
    kills: dict[str, int]
    kills_after_work: dict[str, int]
    drained: bool
    seed: int
    store: str = "sqlite"
    energy_equal: bool = True
    """Of each meter, last register less the first: as much is stored as was accepted."""


def prove(
    station: ProofStation,
    budget_s: float,
    seed: int,
    say: Callable[[str], None],
    window: Callable[[], int] | None = None,
) -> Proof:
    """Kill for `budget_s`, drain, count.

    `window` grows when a faulty cloud stands where a kill loses. Then cloud and broker are killed there, and
    nothing else: the broker would hand the unacknowledged batch over again, and the gateway has to hear what
    was said too early.
    """
    try:
        station.prepare()
        return _prove(station, budget_s, seed, say, window)
    finally:
        station.close()


def _prove(
    station: ProofStation,
    budget_s: float,
    seed: int,
    say: Callable[[str], None],
    window: Callable[[], int] | None,
) -> Proof:
    try:
        station.start()
        if not wait_for(lambda: station.stored() > 0, FIRST_WORD_S):
            raise RuntimeError("the station did not store a reading: " + station.cloud.told())
        victims = _victims(station, window)
        say(f"killing for {budget_s:.0f} s, seed {seed}")
        hunt = Hunt(victims, seed, time.monotonic() + budget_s)
        hunt.run()
        say("draining: " + ", ".join(f"{victim.name} {victim.kills}" for victim in victims))
        drained = station.drain(DRAIN_S)
    finally:
        station.stop()
    counted = station.count()
    say("energy per meter: " + (f"not that of {', '.join(counted.uneven)}" if counted.uneven else "equal"))
    return Proof(
        accepted=counted.accepted,
        stored=counted.stored,
        lost=counted.lost,
        counted_twice=counted.counted_twice,
        wire_duplicates=station.watcher.duplicates,
        kills={victim.name: victim.kills for victim in victims},
        kills_after_work={victim.name: victim.kills_after_work for victim in victims},
        drained=drained,
        seed=seed,
        store=station.store,
        energy_equal=not counted.uneven,
    )


def _victims(station: ProofStation, window: Callable[[], int] | None) -> list[Victim]:
    cloud = Victim("cloud", station.cloud, station.stored, (0.5, 5.0), window)
    broker = Victim("broker", station.broker, lambda: station.watcher.passed, (0.2, 3.0), window)
    if window is not None:
        return [cloud, broker]
    return [
        Victim("edge", station.edge, station.accepted, (0.2, 4.0)),
        broker,
        cloud,
        *(
            Victim(name, engine, station.stored, (1.0, 5.0))
            for name, engine in station.engines.victims().items()
        ),
    ]


def random_seed() -> int:
    return random.SystemRandom().randrange(1_000_000)
