"""What people here write into a customer's file: contracts, grades, needs, consents, persons to call.

In a companion only what is ours may be written; that a customer withdraws a consent is always taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

from cloud.customers import store
from cloud.customers.file import consents, grades, needs, persons
from cloud.customers.file.consents import Purpose
from cloud.customers.file.contract_terms import ContractTerms
from cloud.customers.file.grades import Grade
from cloud.customers.file.needs import Need
from cloud.customers.intake.all_kinds import CUSTOMER_KINDS
from cloud.customers.intake.documents import parsed
from cloud.customers.intake.kinds import Taking, Withdrawn, nothing_more
from cloud.customers.intake.take import take
from cloud.fleet.owners import OURS, Owners
from cloud.kit import documents
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue

PORTAL = "portal"
"""How a customer's own consent was given: on their page, with their own login."""


@dataclass(frozen=True, slots=True)
class CustomerFile:
    """`own`, where it is given, is the customer who writes: what is another's is not found.

    `withdrawn` ends, in the same transaction, what rested on a consent.
    """

    database: Database
    zone: tzinfo
    tariffs: Current[Catalogue]
    terms: Current[ContractTerms]
    owners: Owners
    clock: Clock
    withdrawn: Withdrawn = nothing_more

    def taking(self, by: str) -> Taking:
        return Taking(
            by,
            self.clock.now(),
            self.zone,
            lambda: self.tariffs.value,
            lambda: self.terms.value,
            self.owners,
            OURS,
            self.withdrawn,
        )

    @property
    def today(self) -> date:
        return local_day(self.clock.now(), self.zone)

    def begin_contract(self, by: str, contract: Mapping[str, Any]) -> None:
        """Invalid says every reason against it; what held before ends where this begins."""
        self.owners.refuse_local("contract")
        taking = self.taking(by)
        parts, problems = parsed({"contract": [contract]}, taking)
        documents.refuse("contract", problems)
        with self.database.write() as connection:
            _, wrong = take(connection, parts, taking, CUSTOMER_KINDS)
            if wrong:
                raise Invalid(wrong[0].why, [each.why for each in wrong])

    def declare_grade(self, by: str, account: str, grade: Grade, list_no: str, from_day: date) -> None:
        self.owners.refuse_local("grade")
        with self.database.write() as connection:
            store.account(connection, account)
            grades.declare(
                connection, account, grade, list_no, from_day=from_day, by=by, now=self.clock.now()
            )

    def end_grade(self, by: str, account: str, on: date, why: str) -> None:
        self.owners.refuse_local("grade")
        with self.database.write() as connection:
            store.account(connection, account)
            grades.end(connection, account, on=on, by=by, why=why)

    def declare_need(
        self, by: str, account: str, need: Need, detail: str, own: str | None = None
    ) -> int | None:
        """The row's number; None where it stands so already."""
        self.owners.refuse_local("need")
        with self.database.write() as connection:
            store.account(connection, account, own)
            return needs.declare(connection, account, need, detail, by=by, now=self.clock.now())

    def end_need(self, by: str, id: int, own: str | None = None) -> None:  # noqa: A002
        self.owners.refuse_local("need")
        with self.database.write() as connection:
            needs.end(connection, id, by=by, now=self.clock.now(), customer=own)

    def give_consent(self, by: str, customer: str, purpose: Purpose, how: str) -> None:
        """Invalid where nobody says how it was given."""
        self.owners.refuse_local("consent")
        if not how.strip():
            raise Invalid("how: say by which form, page or call it was given")
        with self.database.write() as connection:
            store.customer(connection, customer)
            consents.give(connection, customer, purpose, how=how.strip(), by=by, now=self.clock.now())

    def withdraw_consent(self, by: str, customer: str, purpose: Purpose) -> None:
        """Never refused, whoever else owns consents; nothing happens where none stands."""
        with self.database.write() as connection:
            store.customer(connection, customer)
            now = self.clock.now()
            consents.withdraw(connection, customer, purpose, by=by, now=now)
            self.withdrawn(connection, customer, purpose, now)

    def add_person(self, by: str, person: Mapping[str, Any]) -> int:
        self.owners.refuse_local("person")
        with self.database.write() as connection:
            store.customer(connection, person["customer"])
            return persons.add(connection, dict(person), by=by, now=self.clock.now())

    def end_person(self, by: str, id: int) -> None:  # noqa: A002
        self.owners.refuse_local("person")
        with self.database.write() as connection:
            persons.end(connection, id, by=by, now=self.clock.now())
