"""Two customers of one class who behave differently get different service, and each can see why."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Connection, Row

from cloud.app import Application, build
from cloud.kit.auth import Role
from cloud.settings import ArchiveSettings, BrokerSettings, HttpSettings, Settings
from cloud.tiers.axes import Axis, Value
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.rating import store as rating
from cloud.workorders import store as orders
from tests.clients import TestClient
from tests.clocks import ManualClock
from tests.cloud.tiers.station import NOW, Made, Sample, made

QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


@dataclass(frozen=True)
class Rated:
    """A station that was rated; two businesses of it, whose value differs most."""

    application: Application
    best: Sample
    least: Sample
    passwords: dict[str, str]

    def read(self, account: Sample, path: str) -> Any:
        """What the account's own customer is answered."""
        client = TestClient(self.application.asgi, base_url="https://station.example")
        login = account.customer.lower()
        body = {"login": login, "password": self.passwords[login], "kind": "bearer"}
        token = client.post("/api/v1/login", json=body).json()["token"]
        answer = client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rated]:
    folder: Path = tmp_path_factory.mktemp("station")
    settings = Settings(
        data_dir=folder,
        archive=ArchiveSettings(folder=folder / "archive"),
        database_url=f"sqlite:///{folder / 'records.db'}",
        http=HttpSettings(base_url="https://station.example"),
        broker=BrokerSettings(port=0),
    )
    application = build(settings, ManualClock(NOW), QUICK)
    station = made(application.database, 100)
    application.tiers.ratings.run()
    with application.database.read() as connection:
        best, least = _apart(connection, application, station)
    passwords = {
        each.customer.lower(): application.accounts.add(each.customer.lower(), Role.CUSTOMER, each.customer)
        for each in (best, least)
    }
    yield Rated(application, best, least, passwords)
    application.stop()


def _apart(connection: Connection, application: Application, station: Made) -> tuple[Sample, Sample]:
    today = NOW.astimezone(application.settings.station.zone).date()
    standings = rating.standings(connection, today)
    tiers = {
        each.account: standings[each.account][Axis.VALUE].value
        for each in station.of("business")
        if Axis.VALUE in standings[each.account]
    }
    known = sorted((tier, account) for account, tier in tiers.items() if tier in set(Value))
    return station.account(known[0][1]), station.account(known[-1][1])


def test_they_are_of_one_class_and_stand_differently_with_reasons_and_what_would_change_it(
    rated: Rated,
) -> None:
    assert rated.best.class_ == rated.least.class_ == "business"
    standings = [
        {each["axis"]: each for each in rated.read(account, f"accounts/{account.account}/tiers")["standings"]}
        for account in (rated.best, rated.least)
    ]
    best, least = (each["value"] for each in standings)
    assert best["value"] < least["value"], "A is before D"
    assert len(best["reasons"]) == len(least["reasons"]) == 3
    assert best["reasons"] != least["reasons"]
    assert least["change"], "what would move it is said"


def test_what_they_are_promised_differs_and_each_part_names_the_rule_that_gave_it(rated: Rated) -> None:
    application = rated.application
    promised = application.tiers.promises
    accounts = [each.account for each in (rated.best, rated.least)]
    with application.database.read() as connection:
        found = entitlements.of_many(connection, promised, NOW, accounts)
    best, least = (found[account].terms for account in accounts)
    better = {name for name, each in best.items() if name not in least or each.value != least[name].value}
    assert {"on_site_min.country", "order_priority", "interval_s", "report_monthly"} <= better
    assert {best[name].rule for name in better} == {"business-a"}


def test_the_same_fault_is_due_sooner_where_that_was_promised(rated: Rated) -> None:
    first, second = (_reported(rated, each) for each in (rated.least, rated.best))
    assert second.on_site_by < first.on_site_by
    assert second.priority < first.priority, "and is before it on the desk"


def _reported(rated: Rated, sample: Sample) -> Row[Any]:
    application = rated.application
    with application.database.write() as connection:
        number = application.orders.create_report(
            connection, sample.customer, sample.account, "示例：没电", False, NOW
        )
        return orders.order(connection, number)
