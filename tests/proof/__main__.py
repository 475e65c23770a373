"""`make prove`: the kill campaign; the last line of stdout is one JSON object."""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from cloud.demo.station import Place
from tests.proof.run import prove
from tests.proof.station import ProofStation


def main() -> int:
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of killing")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", action="store_true", help="keep the files and say where")
    wanted = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wattpost-proof-"))
    station = ProofStation(Place(folder), wanted.seed)
    try:
        proof = prove(station, wanted.budget, wanted.seed, lambda text: print(text, file=sys.stderr))
    finally:
        if wanted.keep:
            print(f"files: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(asdict(proof)))
    return 1 if proof.lost or proof.counted_twice else 0


if __name__ == "__main__":
    raise SystemExit(main())
