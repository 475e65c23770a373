"""Who wins a quantity does not depend on the order of the claims: hundreds of orders, without an engine."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.metering.claims import Claim
from cloud.metering.influx.contest import Found, Identity, lowest, settle
from cloud.metering.store import QUALITY_ID
from protocols.readings import Quality, Reading, Source, Value

KEY = ("m1", 0, Source.POLLED)
_said = st.tuples(
    st.tuples(st.sampled_from(["gw-1", "gw-2"]), st.sampled_from(["e1", "e2"]), st.integers(1, 3)),
    st.builds(
        lambda values, quality: Reading(*KEY, values, quality),
        st.dictionaries(
            st.sampled_from(["energy_import_wh", "energy_export_wh"]), st.integers(0, 2), min_size=1
        ),
        st.sampled_from(list(Quality)),
    ),
)
View = tuple[dict[str, Claim], dict[str, dict[Value, Claim]]]


def view(steps: Sequence[Sequence[tuple[Identity, Reading]]]) -> View:
    """Winners and losers after these writes of one key, as a store and its table of conflicts hold them."""
    found: Found | None = None
    lost: dict[str, dict[Value, Claim]] = {}
    for said in steps:
        outcome = settle(KEY, found, said)
        claims = dict(found.claims) if found else {}
        for identity, reading in said:
            for quantity, value in reading.values.items():
                new = Claim(*identity, value, QUALITY_ID[reading.quality])
                claims[quantity] = min(new, claims.get(quantity, new))
        assert {name: claim.value for name, claim in claims.items()} == outcome.winners
        for quantity, losers in outcome.losers.items():
            for each in losers:
                lowest(lost.setdefault(quantity, {}), each)
        for quantity, value in outcome.winners.items():
            lost.get(quantity, {}).pop(value, None)
        base = found or Found(*_base(claims), {}, frozenset())
        found = Found(base.origin, base.quality, claims, frozenset())
    assert found is not None
    return dict(found.claims), {quantity: held for quantity, held in lost.items() if held}


def _base(claims: dict[str, Claim]) -> tuple[Identity, int]:
    first = min(claims.values())
    return first[:3], first.quality


@settings(max_examples=150)
@given(data=st.data(), said=st.lists(_said, min_size=1, max_size=7))
def test_any_order_duplication_and_grouping_of_claims_gives_the_same_view(
    data: st.DataObject, said: list[tuple[Identity, Reading]]
) -> None:
    again = data.draw(st.permutations([*said, *data.draw(st.lists(st.sampled_from(said)))]))
    cut = data.draw(st.integers(1, len(again)))
    grouped = [part for part in (again[:cut], again[cut:]) if part]
    assert view([[each] for each in said]) == view([[each] for each in again]) == view(grouped)


def test_an_override_is_written_only_for_what_differs_from_its_line() -> None:
    held = Found(("gw", "e", 2), 0, {"power_w": Claim("gw", "e", 2, 1.0, 0)}, frozenset())
    wins = settle(KEY, held, [(("gw", "e", 1), Reading(*KEY, {"power_w": 2.0}))])
    assert (
        wins.line == 'reading,meter=m1,source=polled power_w=2.0,power_w_origin="gw|e|1",power_w_quality=0i 0'
    )
    assert wins.losers == {"power_w": [Claim("gw", "e", 2, 1.0, 0)]}
    loses = settle(KEY, held, [(("gw", "e", 3), Reading(*KEY, {"power_w": 2.0}))])
    assert loses.line is None
    adds = settle(KEY, held, [(("gw", "e", 2), Reading(*KEY, {"energy_import_wh": 5}))])
    assert adds.line == "reading,meter=m1,source=polled energy_import_wh=5i 0"


def test_a_point_of_two_batches_says_whose_each_quantity_is() -> None:
    first = (("gw", "e", 1), Reading(*KEY, {"power_w": 2.0}))
    second = (("gw", "e", 2), Reading(*KEY, {"energy_import_wh": 5}, Quality.SUSPECT))
    made = settle(KEY, None, [second, first])
    assert made.line == (
        'reading,meter=m1,source=polled energy_import_wh=5i,power_w=2.0,origin="gw|e|1",'
        'energy_import_wh_origin="gw|e|2",energy_import_wh_quality=3i 0'
    )


def test_a_quantity_that_once_had_its_own_origin_keeps_one_though_its_lines_batch_wins_it() -> None:
    claims = {"energy_import_wh": Claim("gw", "e", 1, 5, 0), "power_w": Claim("gw", "e", 2, 1.0, 0)}
    held = Found(("gw", "e", 1), 0, claims, frozenset({"power_w"}))
    wins = settle(KEY, held, [(("gw", "e", 1), Reading(*KEY, {"power_w": 2.0}))])
    assert (
        wins.line == 'reading,meter=m1,source=polled power_w=2.0,power_w_origin="gw|e|1",power_w_quality=0i 0'
    )
