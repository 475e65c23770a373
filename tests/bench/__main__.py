"""`make bench`: each module of this folder named in BENCHES measures one thing against its peer.

A bench is `run(say) -> Iterable[dict]`: it yields one flat dict per result, a JSON line on stdout
and a row of the table on stderr. `say(text)` is for progress.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

BENCHES = (
    "codec",
    "lines",
    "modbus",
    "ingest",
    "series",
    "drain",
    "fleet",
    "mutations",
    "archive",
    "vee",
    "demand",
    "analysis",
    "profile",
    "nightly",
    "forecast",
    "loss",
    "billing",
    "classes",
    "tiers",
    "promises",
    "advice",
    "whatif",
    "uplift",
)
"""In this order; each is a module with a function `run`."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=BENCHES, help="just this one (make bench ONLY=lines)")
    only = parser.parse_args().only
    for name in (only,) if only else BENCHES:
        for result in _results(name):
            print(json.dumps({"bench": name} | result), flush=True)
            _row(name, result)


def _results(name: str) -> Iterator[dict[str, Any]]:
    module = importlib.import_module(f"tests.bench.{name}")
    yield from module.run(lambda text: print(f"{name}: {text}", file=sys.stderr, flush=True))


def _row(name: str, result: dict[str, Any]) -> None:
    cells = "  ".join(f"{key} {_shown(value)}" for key, value in result.items())
    print(f"{name:>8}  {cells}", file=sys.stderr, flush=True)


def _shown(value: Any) -> str:
    return f"{value:,.3g}" if isinstance(value, float) and abs(value) < 1000 else (
        f"{value:,.0f}" if isinstance(value, float) else str(value)
    )  # fmt: skip


if __name__ == "__main__":
    main()
