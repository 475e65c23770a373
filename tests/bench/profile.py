"""How long profiles take: a night of 30,000 points encoded and kept, months of points, the dictionary.

The dictionary's peer is scikit-learn's KMeans in the same run on the same days: as many groups and
starts. Shapes are drawn around the profiles of SimBench with noise; days out of an archive are for the bench
of the night.
"""

import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import by_wall, day_grid
from cloud.analysis.profile import clusters, shapes
from cloud.analysis.profile.temperature import sensitivities
from cloud.analysis.profile.typical import typical
from cloud.analysis.profile.variability import habits
from cloud.insight.profile import writing
from cloud.insight.profile.tasks import Coding, Encoded
from cloud.kit.db import Database
from tests import simbench_station

Floats = NDArray[np.float32]
POINTS, PER_AREA, SAMPLE = 30_000, 100, 20_000
MONTH, DAY = date(2026, 3, 1), date(2026, 3, 31)
WINDOW, YEAR = 92, 365


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(1)
    profiles = _profiles()
    sample = _drawn(profiles, SAMPLE, random)
    say("the dictionary")
    fitted: list[shapes.Fit] = []
    yield _told("dictionary, all of it", lambda: fitted.append(shapes.fit(sample)), days=SAMPLE)
    size = len(fitted[0].centres)
    yield {"what": "dictionary", "shapes": size, "stability": fitted[0].stability[size]}
    yield from _against_scikit(sample, size)
    yield from _stability(profiles.reshape(-1, 96))
    say("a night of 30,000 points")
    coding = Coding(MONTH, tuple(range(size)), fitted[0].centres)
    yield from _night(_drawn(profiles, POINTS, random), coding)
    say("a month of points")
    yield from _month(profiles, random)


def _against_scikit(sample: Floats, size: int) -> Iterator[dict[str, Any]]:
    from sklearn.cluster import KMeans

    hours = shapes.by_hour(sample)
    yield _told(
        "one fit, ours", lambda: clusters.centres_by_size(hours, [size], 0.3, 1, 8), days=SAMPLE, shapes=size
    )
    for name, rows in (("by hours", hours), ("by quarters", sample)):
        plain = KMeans(size, n_init=9, random_state=1)
        yield _told(f"one fit, scikit-learn {name}", lambda: plain.fit(rows), days=SAMPLE, shapes=size)  # noqa: B023


def _stability(days: Floats) -> Iterator[dict[str, Any]]:
    """Of real days: what each number of shapes gives, ours and scikit-learn's by quarters, four starts."""
    from sklearn.cluster import KMeans

    valid = np.isfinite(days).mean(axis=1) >= 0.95
    rows = shapes.shapes_of(days, valid)
    ours = shapes.stability(shapes.by_hour(rows), range(6, 17))
    best = shapes.chosen(ours)
    random = np.random.default_rng(1)
    halves = [random.permutation(len(rows))[: len(rows) // 2] for _ in range(4)]
    for size in sorted({6, 8, best, 12, 16}):
        said = [KMeans(size, n_init=4, random_state=1).fit(rows[half]).predict(rows) for half in halves]
        pairs = [
            shapes.rand_index(np.asarray(one, np.int64), np.asarray(other, np.int64))
            for number, one in enumerate(said)
            for other in said[:number]
        ]
        yield {
            "what": "SimBench, bootstrap ARI",
            "shapes": size,
            "chosen": size == best,
            "ours": ours[size],
            "scikit_learn": float(np.mean(pairs)),
        }


def _night(rows: Floats, coding: Coding) -> Iterator[dict[str, Any]]:
    """Encoding, and what is kept of it, area by area, in one transaction."""
    areas = [(f"A{at // PER_AREA:03}", rows[at : at + PER_AREA]) for at in range(0, POINTS, PER_AREA)]

    def encoded() -> list[tuple[str, date, str, Encoded]]:
        return [
            (
                area,
                DAY,
                "0" * 32,
                Encoded(
                    tuple(f"{area}-{number:03}" for number in range(PER_AREA)),
                    shapes.encode(part, coding.centres)[:, None].astype(np.int16),
                ),
            )
            for area, part in areas
        ]

    yield _told("night, encode", encoded, points=POINTS)
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'records.db'}")
        database.migrate()

        def kept() -> None:
            with database.write() as connection:
                writing.save_days(connection, encoded(), MONTH)

        yield _told("night, encode and keep", kept, points=POINTS)
        database.close()


def _month(profiles: Floats, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Of 3,000 points: typical days of 92 days, what a degree costs of 365."""
    points = 3000
    kw = _drawn(profiles, points * WINDOW, random).reshape(points, WINDOW, 96)
    valid, work = random.random((points, WINDOW)) < 0.98, np.arange(WINDOW) % 7 < 5
    yield _told("month, typical days", lambda: typical(kw, valid, work), points=points)
    codes = random.integers(0, 9, (points, 31))
    yield _told("month, groups", lambda: habits(codes), points=points)
    celsius = 15 - 14 * np.cos(2 * np.pi * np.arange(YEAR) / YEAR) + random.normal(0, 3, YEAR)
    energy = (
        10 + random.random((points, 1)) * np.maximum(0, 14 - celsius) + random.normal(0, 1, (points, YEAR))
    )
    off = np.arange(YEAR) % 7 >= 5
    yield _told("month, temperature", lambda: sensitivities(energy, celsius, off), points=points)


def _profiles() -> Floats:
    """(profiles, days, 96) of SimBench's customers."""
    names = [name for name in simbench_station.profile_names() if re.fullmatch(r"(H0|G\d|L\d)-\w", name)]
    _, power = simbench_station.profiles(names)
    at_ms = round(simbench_station.START.timestamp() * 1000) + 900_000 * np.arange(simbench_station.SLOTS)
    grid = day_grid(at_ms, 900, simbench_station.ZONE)
    return by_wall(np.stack([power[name] for name in names]), grid)


def _drawn(profiles: Floats, number: int, random: np.random.Generator) -> Floats:
    """Real days with noise, of sum 1."""
    every = profiles.reshape(-1, 96)
    every = every[np.isfinite(every).all(axis=1) & (np.nan_to_num(every).sum(axis=1) > 0)]
    found = np.empty((number, 96), np.float32)
    for at in range(0, number, 10_000):
        part = every[random.integers(0, len(every), min(10_000, number - at))]
        noisy = part * random.lognormal(0, 0.3, part.shape).astype(np.float32)
        found[at : at + len(part)] = noisy / noisy.sum(axis=1, keepdims=True)
    return found


def _told(what: str, work: Callable[[], object], **more: Any) -> dict[str, Any]:
    """The best of two: the machine is shared."""
    took = []
    for _ in range(2):
        began = perf_counter()
        work()
        took.append(perf_counter() - began)
    return {"what": what} | more | {"seconds": min(took), "load": os.getloadavg()[0]}
