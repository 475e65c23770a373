"""A segment is data: it takes whom its conditions name, says whom it leaves out, refuses unknown words."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from time import perf_counter

import pytest
from sqlalchemy import insert

from cloud import app
from cloud.customers.file.contracts import contract_table
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.tariffs import catalogue
from cloud.tiers.axes import Axis
from cloud.tiers.campaigns import segment_store, segments
from cloud.tiers.campaigns.conditions import Conditions, parsed
from cloud.tiers.rating import policy as tier_policy
from cloud.tiers.rating.store import replace
from tests.cloud.tiers import station
from tests.cloud.tiers.station import NOW, ZONE, Made

TARIFFS, TIERS = catalogue.read(), tier_policy.read(None)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    assert app
    found = Database(sqlite_url)
    yield found
    found.close()


@pytest.fixture
def made(database: Database) -> Made:
    return station.made(database, accounts=120, months=1)


def taken(database: Database, document: dict[str, object]) -> segments.Selection:
    with database.read() as connection:
        words = segments.vocabulary(connection, TARIFFS, TIERS)
        return segments.select_accounts(connection, parsed(document, words), NOW, ZONE)


def decision(account: str, **values: object) -> dict[str, object]:
    day = date(2026, 10, 1)
    return {
        "account": account, "month": day, "at": NOW, "rule": "1", "inputs": "x",
        "provisional": False, "score": None, "class": "household", "sub": "large_family", "sub_since": day,
        "value": "A", "value_since": day, "credit": "good", "credit_since": day, "shape": "evening-2",
        "shape_since": day, "detail": "{}",
    } | values  # fmt: skip


def test_all_conditions_hold_and_what_they_leave_out_is_counted(database: Database, made: Made) -> None:
    found = taken(database, {"class": ["household"], "ranges": [{"indicator": "valley_share", "most": 0.3}]})
    values = {row.point: row for row in made.accounts}
    assert found.asked == 120
    assert {each.class_ for each in found.members} == {"household"}
    assert 0 < len(found.members) < len(made.of("household"))
    assert found.left_out["class"] == 120 - len(made.of("household"))
    assert found.left_out["valley_share.unknown"] == 1  # the one without months
    assert len(found.members) + sum(found.left_out.values()) == 120
    assert {each.points[0] for each in found.members} <= set(values)
    assert found.month == date(2026, 10, 1)


def test_every_axis_can_be_asked(database: Database, made: Made) -> None:
    one, two = made.accounts[0], made.accounts[1]
    with database.write() as connection:
        replace(
            connection,
            date(2026, 10, 1),
            [decision(one.account), decision(two.account, shape="evening-1", value="D")],
        )
    asked = {
        "sub": ["household.large_family"], "shape": ["evening-2"], "value": ["A"], "credit": ["good"],
    }  # fmt: skip
    for name, words in asked.items():
        members = taken(database, {name: words}).members
        assert one.account in {each.account for each in members}, name
        assert len(members) == (2 if name in ("sub", "credit") else 1), name
    assert len(taken(database, {"shape": ["evening"]}).members) == 2
    assert set(Axis) == {"class", "grade", "need", "shape", "value", "credit"}
    for name, word in (("grade", "first"), ("need", "help")):
        assert taken(database, {name: [word]}).members == ()
    assert len(taken(database, {"consent": ["offers"]}).members) == 60
    assert len(taken(database, {"area": ["A000"]}).members) == 100
    plan = taken(database, {"plan": ["tou"], "tariff": ["hubei-industry"]}).members
    assert len(plan) == len(made.of("large_industry"))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"clas": ["household"]}, "clas: no such condition; did you mean 'class'? known are class, sub,"),
        ({"class": ["houshold"]}, "class: 'houshold' is not known; did you mean 'household'? known are"),
        ({"grade": ["frist"]}, "grade: 'frist' is not known; did you mean 'first'?"),
        ({"shape": ["evning"]}, "shape: 'evning' is not known; did you mean 'evening'?"),
        ({"ranges": [{"indicator": "valey_share", "most": 1}]}, "did you mean 'valley_share'?"),
        ({"ranges": [{"indicator": "valley_share"}]}, "least or most is needed"),
        ({"ranges": [{"indicator": "valley_share", "least": 2, "most": 1}]}, "least 2 is more than most 1"),
        ({"sub": ["household.large_famly"]}, "did you mean 'household.large_family'?"),
    ],
)
def test_an_unknown_word_is_one_line_with_the_nearest(
    database: Database, made: Made, document: dict[str, object], said: str
) -> None:
    assert made
    with pytest.raises(Invalid) as refused:
        taken(database, document)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_of_fewer_than_ten_only_the_number_is_shown(database: Database, made: Made) -> None:
    few = [each.account for each in made.of("household")[:9]]
    with database.write() as connection:
        replace(connection, date(2026, 10, 1), [decision(each) for each in few])
    found = taken(database, {"value": ["A"]})
    with database.read() as connection:
        shown = segments.preview(connection, found, NOW, ZONE)
        all_of = segments.preview(connection, taken(database, {"area": ["A000", "A001"]}), NOW, ZONE)
    assert shown.accounts == 9
    assert (shown.by_class, shown.by_area, shown.mean_kwh, shown.consented) == (None, None, None, None)
    assert all_of.by_area is not None
    assert all_of.by_area["A000"] == 100
    assert all_of.consented == 60
    assert all_of.known_kwh == 119
    small = taken(database, {"area": ["A001"], "class": ["large_industry"]})
    assert len(small.members) >= 10


def test_segments_are_kept_by_name_until_a_campaign_needs_them(database: Database, made: Made) -> None:
    assert made
    now = datetime(2026, 11, 1, tzinfo=UTC)
    asked = Conditions.model_validate({"class": ["household"]})
    with database.write() as connection:
        one = segment_store.save(connection, " 居民 ", asked, by="ann", at=now)
        with pytest.raises(Conflict, match="already"):
            segment_store.save(connection, "居民", asked, by="ann", at=now)
        assert segment_store.save(connection, "居民", asked, by="bob", at=now, id=one) == one
        row = segment_store.segment(connection, one)
        assert (row.name, row.by, row.changed_by) == ("居民", "ann", "bob")
        assert segment_store.conditions_of(row) == asked
        segment_store.remove(connection, one)
        with pytest.raises(NotFound):
            segment_store.segment(connection, one)


def test_a_contract_of_the_past_counts_for_nothing(database: Database, made: Made) -> None:
    account = made.of("household")[0].account
    old = {"account": account, "from_day": date(2020, 1, 1), "to_day": date(2023, 1, 1)}
    old |= {"tariff": "hubei-industry", "plan": "tou", "voltage": "220V", "price_source": "administered"}
    with database.write() as connection:
        connection.execute(insert(contract_table).values(old))
    assert account not in {each.account for each in taken(database, {"tariff": ["hubei-industry"]}).members}


def test_thousands_of_accounts_are_searched_at_once(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    station.made(database, accounts=1_000, months=1)
    began = perf_counter()
    found = taken(
        database,
        {
            "class": ["household"],
            "ranges": [{"indicator": "valley_share", "most": 0.35}],
            "consent": ["offers"],
        },
    )
    took = perf_counter() - began
    database.close()
    assert len(found.members) > 10
    assert took < 1  # some 20 ms
