"""`make prove`: the kill campaign over both kinds of stores; the last line of stdout is one JSON object."""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from cloud.demo.station import Place
from tests.proof.engines import KINDS, Kind
from tests.proof.run import Proof, prove
from tests.proof.station import ProofStation


def main() -> int:
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of killing, shared by the stores")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--store", choices=get_args(Kind), help="only this one")
    parser.add_argument("--keep", action="store_true", help="keep the files and say where")
    wanted = parser.parse_args()
    kinds: tuple[Kind, ...] = (wanted.store,) if wanted.store else KINDS
    proofs = [_one(kind, wanted.budget / len(kinds), wanted.seed, wanted.keep) for kind in kinds]
    print(json.dumps(_summary(proofs)))
    return 1 if any(proof.lost or proof.counted_twice or not proof.energy_equal for proof in proofs) else 0


def _one(kind: Kind, budget_s: float, seed: int, keep: bool) -> Proof:
    folder = Path(tempfile.mkdtemp(prefix="wattpost-proof-"))
    station = ProofStation(Place(folder), seed, store=kind)
    print(f"{kind}:", file=sys.stderr)
    try:
        return prove(station, budget_s, seed, lambda text: print(text, file=sys.stderr))
    finally:
        if keep:
            print(f"files: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _summary(proofs: list[Proof]) -> dict[str, object]:
    """The sums, and what each store did."""
    names = ("accepted", "stored", "lost", "counted_twice", "wire_duplicates")
    sums: dict[str, object] = {name: sum(getattr(proof, name) for proof in proofs) for name in names}
    drained = all(proof.drained for proof in proofs)
    stores = {proof.store: asdict(proof) for proof in proofs}
    energy_equal = all(proof.energy_equal for proof in proofs)
    return {**sums, "drained": drained, "energy_equal": energy_equal, "stores": stores}


if __name__ == "__main__":
    raise SystemExit(main())
