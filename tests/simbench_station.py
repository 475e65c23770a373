"""A station of real load curves: customers of SimBench's low-voltage areas, labelled, with their topology.

Source: SimBench 1.6.3, scenario 0, made available under the Open Database License (ODbL 1.0), its contents
under the Database Contents License 1.0, by University of Kassel, Fraunhofer IEE, RWTH Aachen University and
TU Dortmund (simbench.net). The files are read from the installed package; its code is never loaded and its
data are not kept here. A customer's power is a profile in parts of its peak, times that customer's peak: some
16 shapes serve all customers, so whoever scores anything holds out whole shapes, never single customers.

The year is 2016 in German time (Europe/Berlin), 15 min, labelled by the begin of the interval: 27 March
has 92 slots, 30 October 100 with the labels 02:00 to 02:45 twice.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

ZONE = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2016, 3, 27), date(2016, 10, 30)
INTERVAL_S = 900
SLOTS = 35_136
START = datetime(2015, 12, 31, 23, tzinfo=UTC)
GATEWAY = "gw-simbench"


@dataclass(frozen=True, slots=True)
class Customer:
    """`profile` as "H0-A"; `kind` after its first letter: household, business, farm; `row` in the arrays."""

    meter: str
    account: str
    area: str
    feeder: str
    profile: str
    kind: str
    peak_w: float
    row: int


@dataclass(frozen=True, slots=True)
class Station:
    """`power_w` float32 (customers, slots): the mean power of each quarter-hour from `start` on.

    `labels` are the wall-clock labels of the source (slots,), `at_ms` int64 the true instants of the same.
    """

    customers: tuple[Customer, ...]
    power_w: NDArray[np.float32]
    labels: tuple[str, ...]
    at_ms: NDArray[np.int64]
    start: datetime

    @property
    def energy_wh(self) -> NDArray[np.float32]:
        """(customers, slots)"""
        return self.power_w * np.float32(INTERVAL_S / 3600)

    def areas(self) -> dict[str, list[Customer]]:
        found: dict[str, list[Customer]] = defaultdict(list)
        for each in self.customers:
            found[each.area].append(each)
        return dict(found)

    def registry(self, model: str = "dlt645-2007-1p") -> dict[str, Any]:
        """The document `import registry` takes."""
        feeders = {each.area: each.feeder for each in self.customers}
        return {
            "area": [
                {"id": area, "name": f"示例台区 {area}", "feeder": feeder} for area, feeder in feeders.items()
            ],
            "gateway": [{"id": GATEWAY, "name": "示例网关"}],
            "meter": [
                {
                    "id": each.meter,
                    "address": f"{2016_0000_0000 + each.row:012}",
                    "model": model,
                    "area": each.area,
                    "gateway": GATEWAY,
                    "line": each.area,
                    "interval_s": INTERVAL_S,
                }
                for each in self.customers
            ],
        }

    def documents(self) -> dict[str, Any]:
        """The document `import customers` takes."""
        since = self.start.isoformat()
        return {
            "customer": [{"id": f"C-{each.meter}", "name": f"示例户 {each.row}"} for each in self.customers],
            "account": [
                {
                    "no": each.account,
                    "customer": f"C-{each.meter}",
                    "address": f"{each.area} {each.row}",
                    "class": each.kind,
                }
                for each in self.customers
            ],
            "service": [
                {"account": each.account, "meter": each.meter, "start": since} for each in self.customers
            ],
        }


def station(customers: int = 400, areas: int = 5, first: date = date(2016, 1, 1), days: int = 366) -> Station:
    """So many customers, evenly of so many areas of different kinds, for whole local days from `first`."""
    chosen = _customers(customers, areas)
    start, end = _midnight(first), _midnight(first + timedelta(days=days))
    begin, stop = _slot(start), min(_slot(end), SLOTS)
    labels, profiles = _profiles(sorted({each.profile for each in chosen}), begin, stop)
    power_w = np.empty((len(chosen), stop - begin), np.float32)
    for each in chosen:
        np.multiply(profiles[each.profile], np.float32(each.peak_w), out=power_w[each.row])
    at_ms = round(START.timestamp() * 1000) + np.arange(begin, stop, dtype=np.int64) * (INTERVAL_S * 1000)
    return Station(tuple(chosen), power_w, labels, at_ms, start)


def profile_names() -> list[str]:
    """Of every load profile, in the file's order."""
    with pa_csv.open_csv(
        _folder() / "LoadProfile.csv", parse_options=pa_csv.ParseOptions(delimiter=";")
    ) as file:
        return [name.removesuffix("_pload") for name in file.schema.names if name.endswith("_pload")]


def profiles(names: list[str]) -> tuple[tuple[str, ...], dict[str, NDArray[np.float32]]]:
    """Labels and, for each name, its year in parts of its peak, float32 (SLOTS,)."""
    return _profiles(names, 0, SLOTS)


def _customers(count: int, areas: int) -> list[Customer]:
    columns = ["profile", "pLoad", "subnet", "voltLvl"]
    rows = [row for row in _table("Load", columns).to_pylist() if row["voltLvl"] == 7]
    sizes = Counter(str(row["subnet"]) for row in rows)
    feeders = _feeders()
    by_area: dict[str, list[Customer]] = {}
    for area in _chosen_areas(sizes, areas, -(-count // areas)):
        share = count // areas + (len(by_area) < count % areas)
        own = [row for row in rows if row["subnet"] == area][:share]
        number = sum(map(len, by_area.values()))
        by_area[area] = [
            _customer(row, area, feeders[area], position, number + position)
            for position, row in enumerate(own)
        ]
    return [each for own in by_area.values() for each in own]


def _chosen_areas(sizes: Counter[str], count: int, least: int) -> list[str]:
    """Of each kind of grid in turn (the name before the point), those with enough customers."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for area, size in sizes.items():
        if size >= least:
            kinds[area.partition(".")[0]].append(area)
    turns = [area for place in range(max(map(len, kinds.values()), default=0)) for kind in kinds.values()
             for area in kind[place : place + 1]]  # fmt: skip
    if len(turns) < count:
        raise ValueError(f"there are only {len(turns)} areas with {least} customers")
    return turns[:count]


def _customer(row: dict[str, Any], area: str, feeder: str, position: int, number: int) -> Customer:
    kind = {"H": "household", "G": "business", "L": "farm"}[row["profile"][0]]
    meter = f"{area}-{position + 1:03}"
    return Customer(
        meter, f"{80000 + number}", area, feeder, row["profile"], kind, 1e6 * row["pLoad"], number
    )


def _feeders() -> dict[str, str]:
    """The medium-voltage grid that feeds each area's transformer."""
    rows = _table("Transformer", ["nodeHV", "subnet"]).to_pylist()
    return {str(row["subnet"]): str(row["nodeHV"]).partition(" ")[0] for row in rows}


def _profiles(
    names: list[str], begin: int, stop: int
) -> tuple[tuple[str, ...], dict[str, NDArray[np.float32]]]:
    table = _table("LoadProfile", ["time", *(f"{name}_pload" for name in names)], pa.float32())
    part = table.slice(begin, stop - begin)
    labels = tuple(part["time"].to_pylist())
    return labels, {name: part[f"{name}_pload"].to_numpy() for name in names}


def _table(name: str, columns: list[str], number: pa.DataType | None = None) -> pa.Table:
    types = {} if number is None else dict.fromkeys(columns[1:], number) | {columns[0]: pa.string()}
    return pa_csv.read_csv(
        _folder() / f"{name}.csv",
        parse_options=pa_csv.ParseOptions(delimiter=";"),
        convert_options=pa_csv.ConvertOptions(include_columns=columns, column_types=types),
    )


def _folder() -> Path:
    found = find_spec("simbench")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "networks" / "1-complete_data-mixed-all-0-sw"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


def _slot(at: datetime) -> int:
    return round((at - START).total_seconds()) // INTERVAL_S
