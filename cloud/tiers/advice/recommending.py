"""Products for accounts: what fits, read off the advice; who signed up; and the rules that judge them."""

from datetime import date, datetime, tzinfo

from sqlalchemy import Connection

from cloud.customers import store as customers
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.policies.current import Current
from cloud.tiers.advice import equipment, fits, signups
from cloud.tiers.advice.equipment.policy import EquipmentPolicy
from cloud.tiers.advice.fits import Counted, Fit
from cloud.tiers.advice.product_documents import Product
from cloud.tiers.advice.products import Products
from cloud.tiers.advice.rules import Ruled
from cloud.tiers.advice.signups import Signup
from cloud.tiers.overload import OverloadPolicy


class Recommending:
    """What is in force is read at the start of a piece of work."""

    def __init__(
        self,
        database: Database,
        zone: tzinfo,
        clock: Clock,
        calendar: Calendar,
        products: Current[Products],
        policy: Current[EquipmentPolicy],
        overload: Current[OverloadPolicy],
    ) -> None:
        self._database, self._zone, self._clock, self._calendar = database, zone, clock, calendar
        self._products, self._policy, self._overload = products, policy, overload

    def rules(self, connection: Connection, now: datetime) -> list[Ruled]:
        """The rules on equipment with all they stand on: what advising takes as `more`."""
        ground = equipment.ground_of(
            connection,
            products=self._products.value,
            policy=self._policy.value,
            overload=self._overload.value,
            calendar=self._calendar,
            now=now,
            zone=self._zone,
        )
        return equipment.ruled(ground)

    def stamp(self) -> str:
        """Another one when a product, a limit or what counts as overload is another."""
        products = self._products.value
        every = [each for name in products.ids for each in products.documents(name)]
        policies = (self._policy.value, self._overload.value)
        return "\n".join([*(each.model_dump_json() for each in every), *(repr(each) for each in policies)])

    def in_force(self) -> list[Product]:
        return self._products.value.in_force(self._today())

    def of_account(self, connection: Connection, no: str) -> list[Fit]:
        """NotFound when there is no such account."""
        account = customers.account(connection, no)
        return fits.of_account(connection, no, account._mapping["class"], self._products.value, self._today())

    def counted(self, connection: Connection) -> list[Counted]:
        return fits.counted(connection, self._products.value, self._today())

    def sign_up(self, no: str, product: str, *, by: str, customer: str | None) -> Signup:
        """NotFound: no such account of this customer's, or no such product for its class."""
        with self._database.write() as connection:
            account = customers.account(connection, no, customer)
            known = {each.id for each in self.in_force() if account._mapping["class"] in each.for_.classes}
            return signups.sign_up(connection, no, product, known, by=by, now=self._clock.now())

    def withdraw(self, no: str, product: str, *, by: str, customer: str | None) -> None:
        with self._database.write() as connection:
            customers.account(connection, no, customer)
            signups.end(connection, no, product, by=by, now=self._clock.now())

    def _today(self) -> date:
        return local_day(self._clock.now(), self._zone)
