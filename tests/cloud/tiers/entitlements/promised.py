"""A small station whose accounts are promised something: the village's households, with grades and bills."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert

from cloud.billing.store import bill_table
from cloud.customers.file.grades import grade_table
from cloud.customers.file.needs import need_table
from cloud.customers.intake.documents import import_customers
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.tiers.entitlements.orders import serve
from cloud.tiers.entitlements.store import Promises, promises
from cloud.workorders.actions import Orders
from cloud.workorders.deadlines import deadline_policy
from tests.clocks import ManualClock
from tests.cloud.alerts.village import customers, registry

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
POLICY = deadline_policy()


class Station:
    """Promises of the policy that ships; N-A01-03 is a business, the others are households."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(NOW)
        self.promises: Promises = promises(None, ZONE)
        document = customers(("A01", "A02"))
        for account in document["account"]:
            if account["no"] == "N-A01-03":
                account["class"] = "business"
        with database.write() as connection:
            import_registry(connection, registry(("A01", "A02")))
            import_customers(connection, document)
        self.orders = Orders(POLICY, ZONE, self.serve)

    def serve(self, connection: Connection, accounts: Any, at: datetime) -> Any:
        return serve(connection, self.promises, accounts, at)

    def grade(self, account: str, grade: str) -> None:
        row = {"account": account, "from_day": date(2026, 1, 1), "grade": grade, "list_no": "示例名单"}
        with self.database.write() as connection:
            connection.execute(insert(grade_table).values(row | {"by": "operator", "recorded_at": NOW}))

    def need(self, account: str, need: str, detail: str = "") -> None:
        row = {"account": account, "need": need, "detail": detail, "origin": "declared", "evidence": {}}
        with self.database.write() as connection:
            connection.execute(insert(need_table).values(row | {"since": NOW - 90 * DAY, "by": "operator"}))

    def bill(self, account: str, month: date, amount: str, paid_on: date | None = None) -> None:
        row = {"account": account, "month": month, "amount": Decimal(amount), "origin": "import"}
        due = (month + timedelta(days=32)).replace(day=20)
        with self.database.write() as connection:
            connection.execute(insert(bill_table).values(row | {"due_on": due, "paid_on": paid_on}))
