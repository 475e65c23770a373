"""The 13 core daily indicators as others would reckon them; runs in these packages' own environment.

Arguments: tool, file of days (.npy float32, rows × 96), bands of the slots (96 digits), threads. Takes the
table that the tool likes best into memory first and prints one JSON object. Then each line of stdin is `go`,
answered with seconds by the clock and of processor, or a path to which the last result goes as .npy
(rows × 13, NaN where the tool was spared it).
"""

import json
import os
import sys
from itertools import pairwise
from time import perf_counter, process_time

TOOL, FILE, DIGITS, THREADS = sys.argv[1:5]
os.environ |= {"POLARS_MAX_THREADS": THREADS, "OMP_NUM_THREADS": THREADS}

import numpy as np  # noqa: E402 - the threads are read when it is loaded

SAMPLE = 10  # a tenth for the tools that need minutes; they grow in proportion
BANDS = np.array([int(digit) for digit in DIGITS], np.int8)
KWH, KW = np.float32(1e-3), np.float32(4e-3)


def finished(energy, high, low, at, shares, ramp, std, base):
    """What each tool found, in Wh, as the 13 columns."""
    nothing = np.full(len(energy), np.nan, np.float32)
    columns = [
        energy * KWH, high * KW, low * KW, nothing if at is None else at, energy / 96 / high,
        (high - low) / high, *(share / energy for share in shares),
        nothing if ramp is None else ramp * KW, std * KW, nothing if base is None else base * KW,
    ]  # fmt: skip
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def numpy_():
    wh = np.load(FILE)

    def go():
        shares = [wh[:, band == BANDS].sum(axis=1) for band in range(4)]
        return finished(
            wh.sum(axis=1), wh.max(axis=1), wh.min(axis=1), wh.argmax(axis=1), shares,
            np.abs(np.diff(wh, axis=1)).max(axis=1), wh.std(axis=1), np.partition(wh, 4, axis=1)[:, 4],
        )  # fmt: skip

    return go, len(wh)


def long_table(sample):
    wh = np.load(FILE, mmap_mode="r")
    wh = np.ascontiguousarray(wh[: len(wh) // sample])
    rows = len(wh)
    key = np.repeat(np.arange(rows, dtype=np.int32), 96)
    slot = np.tile(np.arange(96, dtype=np.int8), rows)
    return rows, key, slot, np.tile(BANDS, rows), wh.reshape(-1)


def pandas_():
    import pandas as pd

    rows, key, slot, band, wh = long_table(SAMPLE)
    table = pd.DataFrame({"c": key // 365, "d": key % 365, "slot": slot, "band": band, "wh": wh})

    def go():
        days = table.groupby(["c", "d"])["wh"]
        some = days.agg(["sum", "max", "min", "idxmax"])
        shares = table.groupby(["c", "d", "band"])["wh"].sum().unstack(fill_value=0)
        ramp = days.diff().abs().groupby([table["c"], table["d"]]).max()
        base = days.quantile(4 / 95, interpolation="nearest")
        return finished(
            some["sum"].to_numpy(), some["max"].to_numpy(), some["min"].to_numpy(),
            some["idxmax"].to_numpy() % 96, [shares[each].to_numpy() for each in range(4)],
            ramp.to_numpy(), days.std(ddof=0).to_numpy(), base.to_numpy(),
        )  # fmt: skip

    return go, rows


def polars_():
    import polars as pl

    rows, key, _, band, wh = long_table(SAMPLE)
    table = pl.DataFrame({"c": key // 365, "d": key % 365, "band": band, "wh": wh})
    load = pl.col("wh")

    def go():
        found = (
            table.lazy().group_by("c", "d").agg(
                load.sum().alias("sum"), load.max().alias("max"), load.min().alias("min"),
                load.arg_max().alias("at"), load.std(ddof=0).alias("std"),
                load.diff().abs().max().alias("ramp"),
                load.quantile(4 / 95, interpolation="nearest").alias("base"),
                *(load.filter(pl.col("band") == each).sum().alias(f"band{each}") for each in range(4)),
            ).sort("c", "d").collect()
        )  # fmt: skip
        of = {name: found[name].to_numpy() for name in found.columns}
        shares = [of[f"band{each}"] for each in range(4)]
        return finished(of["sum"], of["max"], of["min"], of["at"], shares, of["ramp"], of["std"], of["base"])

    return go, rows


def polars_tuned():
    """Sorted by one key, bands as weighted sums, neither slot of the maximum nor base."""
    import polars as pl

    rows, key, slot, band, wh = long_table(1)
    weights = {f"w{each}": (band == each).astype(np.float32) for each in range(4)}
    columns = {"key": key, "first": slot == 0, "wh": wh, **weights}
    table = pl.DataFrame(columns).with_columns(pl.col("key").set_sorted())
    load = pl.col("wh")

    def go():
        step = pl.when(pl.col("first")).then(None).otherwise((load - load.shift(1)).abs())
        found = (
            table.lazy().with_columns(step.alias("step"), *(
                (load * pl.col(name)).alias(name) for name in weights
            )).group_by("key", maintain_order=True).agg(
                load.sum().alias("sum"), load.max().alias("max"), load.min().alias("min"),
                load.std(ddof=0).alias("std"), pl.col("step").max(),
                *(pl.col(name).sum() for name in weights),
            ).collect()
        )  # fmt: skip
        of = {name: found[name].to_numpy() for name in found.columns}
        shares = [of[name] for name in weights]
        return finished(of["sum"], of["max"], of["min"], None, shares, of["step"], of["std"], None)

    return go, rows


def polars_wide():
    """A column of each slot and expressions across them; neither slot of the maximum nor base."""
    import polars as pl

    wh = np.load(FILE, mmap_mode="r")
    table = pl.DataFrame({f"slot{slot}": np.ascontiguousarray(wh[:, slot]) for slot in range(96)})
    slots = [pl.col(name) for name in table.columns]
    mean = pl.sum_horizontal(slots) / 96

    def go():
        found = table.lazy().select(
            pl.sum_horizontal(slots).alias("sum"), pl.max_horizontal(slots).alias("max"),
            pl.min_horizontal(slots).alias("min"),
            (pl.sum_horizontal((slot - mean).pow(2) for slot in slots) / 96).sqrt().alias("std"),
            pl.max_horizontal(
                (now - before).abs() for before, now in pairwise(slots)
            ).alias("ramp"),
            *(pl.sum_horizontal(
                slot for slot, band in zip(slots, BANDS, strict=True) if band == each
            ).alias(f"band{each}") for each in range(4)),
        ).collect()  # fmt: skip
        of = {name: found[name].to_numpy() for name in found.columns}
        shares = [of[f"band{each}"] for each in range(4)]
        return finished(of["sum"], of["max"], of["min"], None, shares, of["ramp"], of["std"], None)

    return go, len(wh)


def duckdb_():
    """Eleven aggregates; neither ramp nor base, which take a window and a quantile and thrice the time."""
    import duckdb
    import pyarrow as pa

    rows, key, slot, band, wh = long_table(1)
    link = duckdb.connect(":memory:", config={"threads": int(THREADS)})
    names = {"key": key, "slot": slot, "band": band, "wh": wh}
    some = pa.table({name: pa.array(values) for name, values in names.items()})
    link.register("arrow_table", some)
    link.execute("create table days as select * from arrow_table")
    link.unregister("arrow_table")
    shares = ", ".join(f"sum(wh) filter (band = {each})" for each in range(4))

    def go():
        query = f"""select key, sum(wh), max(wh), min(wh), arg_max(slot, wh), stddev_pop(wh), {shares}
                    from days group by key order by key"""
        found = [np.nan_to_num(np.asarray(column)) for column in link.execute(query).fetchnumpy().values()]
        _, energy, high, low, at, std, *bands = found
        return finished(energy, high, low, at, bands, None, std, None)

    return go, rows


def main():
    tools = {
        "numpy": numpy_,
        "pandas": pandas_,
        "polars": polars_,
        "polars tuned": polars_tuned,
        "polars wide": polars_wide,
        "duckdb": duckdb_,
    }
    begun = perf_counter()
    go, rows = tools[TOOL]()
    print(json.dumps({"rows": rows, "table_seconds": perf_counter() - begun}), flush=True)
    found = None
    for line in sys.stdin:
        if line.strip() == "go":
            begun, cpu = perf_counter(), process_time()
            found = go()
            print(json.dumps([perf_counter() - begun, process_time() - cpu]), flush=True)
        else:
            np.save(line.strip(), found)
            print("saved", flush=True)


main()
