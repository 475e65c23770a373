"""Advises all accounts: once a month as a whole, each night what changes from day to day.

Energies are brought up to date from the archive first; a saving stands on them, exact to the bill.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection, func, select

from cloud.customers.file.contracts import contract_table
from cloud.insight import runs
from cloud.insight.energies import store as energies
from cloud.insight.energies.actions import MONTHS, Brought, Energies, newest_day
from cloud.insight.profile import store as profiles
from cloud.insight.runs import WHOLE, Work
from cloud.insight.tasks import Tell, silent
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice import keeping, measuring, registry
from cloud.tiers.advice.energies import services, wanted
from cloud.tiers.advice.gather import Gathered
from cloud.tiers.advice.keeping import Found, Kept
from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.rules import Advice, Facts, Refused, Ruled
from cloud.tiers.advice.whatif import Compared, what_if

log = logging.getLogger(__name__)
RulesOf = Callable[[Connection, datetime], Sequence[Ruled]]
"""More rules, with whatever they have to know beforehand."""
MONTHLY, NIGHTLY = "advice", "advice nightly"
_REACH = timedelta(days=31 * MONTHS)


@dataclass(frozen=True, slots=True)
class Ran:
    accounts: int
    kept: Kept
    took_s: float


class Advising:
    """`more`: rules beside those about tariffs. What is in force is read at the start of a piece of work."""

    def __init__(
        self,
        database: Database,
        zone: tzinfo,
        clock: Clock,
        tariffs: Current[Catalogue],
        policy: Current[AdvicePolicy],
        energies: Energies,
        more: Sequence[RulesOf] = (),
    ) -> None:
        self._database, self._zone, self._clock = database, zone, clock
        self._tariffs, self.policy, self._energies, self._more = tariffs, policy, energies, tuple(more)

    def bring(self, tell: Tell = silent) -> Brought:
        """Stored energies of all plans that contracts name, up to the archive's newest day."""
        catalogue = self._tariffs.value
        with self._database.read() as connection:
            names = frozenset(connection.scalars(select(contract_table.c.tariff).distinct()))
            newest = newest_day(connection) or local_day(self._clock.now(), self._zone)
            served = services(connection, self._zone)
        return self._energies.bring(catalogue, wanted(served, names, newest - _REACH), tell=tell)

    def run(self, accounts: Collection[str] | None = None, *, nightly: bool = False) -> Ran:
        """Judge all accounts, or these, by all rules or by those of the night, and keep what came of it."""
        began, policy, now = perf_counter(), self.policy.value, self._clock.now()
        with self._database.read() as connection:
            gathered = self._gathered(connection, now)
            rules = [each for each in self._rules(connection, policy, now) if each.nightly or not nightly]
            advice: list[Advice] = []
            refused: list[Refused] = []
            judged = 0
            for facts in gathered.facts(accounts):
                judged += 1
                for each in judge(facts, rules):
                    if isinstance(each, Advice):
                        advice.append(each)
                    else:
                        refused.append(each)
            measured = {} if nightly else measuring.measured(connection, gathered)
        found = Found(
            frozenset(each.kind for each in rules),
            frozenset(each.kind for each in rules if each.nightly),
            None if accounts is None else frozenset(accounts),
            advice,
            refused,
            gathered.month or gathered.today.replace(day=1),
            registry.VERSION,
        )
        with self._database.write() as connection:
            kept = keeping.keep(connection, found, now, timedelta(days=policy.declined_days))
            keeping.expire(connection, gathered.today, now)
            measuring.put(connection, measured)
        return Ran(judged, kept, perf_counter() - began)

    def of_account(self, account: str) -> list[Advice | Refused]:
        """What the rules say of one account now; nothing is kept. NotFound: it has no contract today."""
        now = self._clock.now()
        with self._database.read() as connection:
            facts = self.facts(connection, account)
            return judge(facts, self._rules(connection, self.policy.value, now))

    def facts(self, connection: Connection, account: str) -> Facts:
        """NotFound: the account has no contract today."""
        for facts in self._gathered(connection, self._clock.now()).facts([account]):
            return facts
        raise NotFound(f"account {account!r} has no contract today: import one")

    def what_if(self, account: str, tariff: str, plan: str) -> Compared:
        """The account's last months under another plan, out of the archive. Invalid, NotFound: why not."""
        with self._database.read() as connection:
            facts = self.facts(connection, account)
            least = self.policy.value.data.coverage
            return what_if(connection, self._energies, self._tariffs.value, facts, tariff, plan, least)

    def tick(self) -> None:
        """The job: energies, then all accounts where a month closed or a rule changed, else the night's."""
        brought = self.bring()
        if brought.last is None:
            return
        today = local_day(self._clock.now(), self._zone)
        policy, month = self.policy.value, today.replace(day=1)
        rules = hashlib.blake2b(policy.model_dump_json().encode(), digest_size=8).hexdigest()
        for kind, first, inputs in (
            (MONTHLY, month, f"{self._closed()} {rules}"),
            (NIGHTLY, today, f"{brought.last}"),
        ):
            work = Work(kind, WHOLE, first, first, inputs, registry.VERSION)
            with self._database.read() as connection:
                due = runs.due(connection, [work])
            if due:
                with runs.booked(self._database, self._clock, work):
                    ran = self.run(nightly=kind == NIGHTLY)
                log.info("%s: %d accounts, %s, %.1f s", kind, ran.accounts, ran.kept, ran.took_s)
                return  # what all rules said tonight, those of the night said too

    def _closed(self) -> str:
        """What the whole months' energies were made of, and which contracts there are."""
        first = local_day(self._clock.now(), self._zone).replace(day=1)
        with self._database.read() as connection:
            inputs = energies.inputs(connection, date.min, first - timedelta(days=1))
            contracts = connection.execute(
                select(func.count(), func.max(contract_table.c.from_day)).select_from(contract_table)
            ).one()
        told = f"{sorted(inputs.items())} {tuple(contracts)}"
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def _gathered(self, connection: Connection, now: datetime) -> Gathered:
        return Gathered(
            connection, self._tariffs.value, now, self._zone, profiles=partial(profiles.profiles, connection)
        )

    def _rules(self, connection: Connection, policy: AdvicePolicy, now: datetime) -> list[Ruled]:
        more = [each for source in self._more for each in source(connection, now)]
        return [*registry.tariff_rules(policy), *more]


def judge(facts: Facts, rules: Sequence[Ruled]) -> list[Advice | Refused]:
    """What the rules for its class say of an account, in the order of the rules."""
    said = (each.rule(facts) for each in rules if facts.class_ in each.classes)
    return [each for each in said if each is not None]


def archive_energies(
    database: Database, archive: Path, zone: tzinfo, clock: Clock, policies: Path | None
) -> Energies:
    from cloud.insight.engine import Threads
    from cloud.insight.events import TemperatureEvents
    from cloud.kit.calendar import station_calendar

    calendar, hot = station_calendar(policies), TemperatureEvents(zone)
    return Energies(database, archive, zone, clock, calendar, Threads(2), hot)
