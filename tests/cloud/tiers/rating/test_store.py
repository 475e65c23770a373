"""Where accounts stand: the axes that are declared are there before anything is decided."""

from datetime import date

from sqlalchemy import insert

from cloud.customers.file.grades import grade_table
from cloud.kit.db import Database
from cloud.tiers.axes import Axis
from cloud.tiers.rating import store
from tests.cloud.tiers.station import NOW, made


def test_before_any_decision_an_account_has_its_class_and_what_was_declared(database: Database) -> None:
    station = made(database, accounts=20, months=2)
    factory = station.of("large_industry")[0]
    with database.write() as connection:
        row = {"account": factory.account, "from_day": date(2026, 1, 1), "grade": "first"}
        row |= {"list_no": "示例〔2026〕1号", "by": "operator", "recorded_at": NOW}
        connection.execute(insert(grade_table).values(row))
        found = store.standings(connection, NOW.date())
        before = store.standings(connection, date(2025, 12, 31), axis=Axis.GRADE)
    assert found.keys() == {each.account for each in station.accounts}
    assert found[factory.account].keys() == {Axis.CLASS, Axis.GRADE}
    assert found[factory.account][Axis.GRADE].value == "first"
    assert before[factory.account] == {}
