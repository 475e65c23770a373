"""The kill campaign in short, and the proof that it can fail: two faulty stations lose, and it says so."""

import os
from pathlib import Path

import pytest

from cloud.demo.programs import python
from cloud.demo.station import Place
from tests.proof.campaign import ENOUGH
from tests.proof.engines import KINDS, Kind
from tests.proof.run import Proof, prove
from tests.proof.station import ProofStation

pytestmark = pytest.mark.timeout(300)
SEED = int(os.environ.get("WATTPOST_PROOF_SEED", "7"))


def _silent(_: str) -> None:
    pass


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("store", KINDS)
def test_no_accepted_reading_is_lost_or_counted_twice_whatever_is_killed(place: Place, store: Kind) -> None:
    proof = prove(ProofStation(place, SEED, store=store), 15.0, SEED, _silent)
    assert proof.accepted > 50
    assert (proof.lost, proof.counted_twice) == (0, 0)
    assert proof.stored == proof.accepted
    assert proof.energy_equal
    assert all(kills >= 1 for kills in proof.kills.values()), proof
    assert sum(proof.kills.values()) >= 10, proof


def test_a_cloud_that_says_stored_before_the_commit_loses_readings(place: Place) -> None:
    window = place.root / "window"
    station = ProofStation(place, SEED, cloud_command=python("tests.proof.eager_cloud", str(window)))
    proof = prove(station, 90.0, SEED, _silent, lambda: window.stat().st_size if window.exists() else 0)
    assert proof.kills == {"cloud": ENOUGH, "broker": ENOUGH}
    assert _loses(proof)


def test_a_gateway_that_takes_puback_for_stored_loses_readings(place: Place) -> None:
    station = ProofStation(place, SEED, edge_command=python("tests.proof.trusting_edge"))
    assert _loses(prove(station, 12.0, SEED, _silent))


def _loses(proof: Proof) -> bool:
    assert proof.accepted > 50
    return proof.lost > 0
