"""How often meters are read: as promised where the line has the time, nothing else touched, and back."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from cloud.tiers.entitlements.intervals import Before, GatewayPlan, Wanted, plan, reading_s

MODEL = "dlt645-2007-1p"
FULL = 0.85


def document(*intervals: int | None, usual_s: int | None = 900) -> dict[str, Any]:
    """One line of so many meters; None has no interval of its own."""
    meters = [
        {"id": f"M-{n}", "model": MODEL, "address": f"{n:012}", "memory": True}
        | ({} if each is None else {"interval_s": each})
        for n, each in enumerate(intervals)
    ]
    line = {"name": "L1", "kind": "tcp", "endpoint": "10.0.0.5:4001", "baud": 9600, "meter": meters}
    made: dict[str, Any] = {"probe_s": 30, "orders": {"protected": ["M-0"]}, "line": [line]}
    return made | ({} if usual_s is None else {"interval_s": usual_s})


def wanted(interval_s: int, rank: int = 5, account: str = "N-1") -> Wanted:
    return Wanted(interval_s, account, "rule", (True, rank, account))


def intervals(planned: GatewayPlan) -> list[int | None]:
    return [meter.get("interval_s") for meter in planned.document["line"][0]["meter"]]


def test_only_the_promised_meter_is_read_more_often() -> None:
    planned = plan(document(None, None, 600), {"M-1": wanted(300)}, {}, FULL)
    assert intervals(planned) == [None, 300, 600]
    assert planned.document["probe_s"] == 30
    assert planned.document["orders"] == {"protected": ["M-0"]}


def test_an_interval_is_never_lengthened() -> None:
    planned = plan(document(60, None, usual_s=60), {"M-0": wanted(300), "M-1": wanted(900)}, {}, FULL)
    assert planned.document == document(60, None, usual_s=60)
    assert [each.kept for each in planned.meters] == [True, True]


def test_what_stood_before_comes_back_when_the_promise_ends() -> None:
    first = plan(document(600, None), {"M-0": wanted(60), "M-1": wanted(60)}, {}, FULL)
    before = {each.meter: Before(each.before_s, each.set_s) for each in first.meters if each.set_s}
    assert intervals(first) == [60, 60]
    assert plan(first.document, {}, before, FULL).document == document(600, None)


def test_what_a_person_changed_since_is_theirs() -> None:
    before = {"M-0": Before(600, 60)}
    assert intervals(plan(document(120), {}, before, FULL)) == [120]


def test_where_the_line_has_not_the_time_the_first_in_rank_gets_it() -> None:
    once = reading_s(document(None)["line"][0], document(None)["line"][0]["meter"][0])
    fast = max(1, round(once / 0.6))  # one meter so fast fills 60 % of the line, two do not fit
    asked = {"M-0": wanted(fast, rank=8), "M-1": wanted(fast, rank=1)}
    planned = plan(document(None, None), asked, {}, FULL)
    assert intervals(planned) == [None, fast]
    assert [each.meter for each in planned.meters if not each.kept] == ["M-0"]
    assert planned.full["L1"] > FULL


@settings(max_examples=60, deadline=None)
@given(
    some.lists(some.none() | some.integers(1, 3600), min_size=1, max_size=12),
    some.dictionaries(some.integers(0, 11), some.integers(1, 3600), max_size=12),
)
def test_a_plan_fits_its_line_and_is_undone_without_trace(
    stood: list[int | None], promised: dict[int, int]
) -> None:
    given_document = document(*stood)
    asked = {f"M-{n}": wanted(each, rank=n % 9) for n, each in promised.items() if n < len(stood)}
    planned = plan(given_document, asked, {}, FULL)
    line = planned.document["line"][0]

    def load(of: dict[str, Any]) -> float:
        meters = of["line"][0]["meter"]
        return sum(reading_s(line, meter) / (meter.get("interval_s") or 900) for meter in meters)

    assert load(planned.document) <= max(FULL, load(given_document)) + 1e-9
    for number, each in enumerate(intervals(planned)):
        assert (each or 900) <= (stood[number] or 900)
    before = {each.meter: Before(each.before_s, each.set_s) for each in planned.meters if each.set_s}
    assert plan(planned.document, {}, before, FULL).document == given_document
    again = plan(planned.document, asked, before, FULL)
    assert again.document == planned.document  # nothing changes, so nothing is pushed
