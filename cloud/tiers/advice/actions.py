"""Advises all accounts: once a month as a whole, each night what changes from day to day.

Energies are brought up to date from the archive first; a saving stands on them, exact to the bill.
"""

import gc
import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
    """`more`: rules beside those about tariffs, `stamps`: what tells whether these rules changed.
    What is in force is read at the start of a piece of work."""

    def __init__(
        self,
        database: Database,
        zone: tzinfo,
        clock: Clock,
        tariffs: Current[Catalogue],
        policy: Current[AdvicePolicy],
        energies: Energies,
        more: Sequence[RulesOf] = (),
        stamps: Sequence[Callable[[], str]] = (),
    ) -> None:
        self._database, self._zone, self._clock = database, zone, clock
        self._tariffs, self.policy, self._energies, self._more = tariffs, policy, energies, tuple(more)
        self._stamps = tuple(stamps)
        self._catalogue: tuple[Catalogue, str] | None = None

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
        began = perf_counter()
        with _unswept():
            judged, kept = self._run(accounts, nightly)
        return Ran(judged, kept, perf_counter() - began)

    def _run(self, accounts: Collection[str] | None, nightly: bool) -> tuple[int, Kept]:
        policy, now = self.policy.value, self._clock.now()
        with self._database.read() as connection:
            rules = self._rules(connection, policy, now, nightly=nightly)
            gathered = self._gathered(connection, now, alone=nightly)
            classes = frozenset[str]().union(*(each.classes for each in rules))
            advice: list[Advice] = []
            refused: list[Refused] = []
            judged = 0
            for facts in gathered.facts(accounts, classes):
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
        return judged, kept

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
        told = [policy.model_dump_json(), self._documents(), *(stamp() for stamp in self._stamps)]
        rules = digest(told)
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

    def _documents(self) -> str:
        """Which tariffs are in force, document by document; reckoned once for as long as none changes."""
        catalogue = self._tariffs.value
        if self._catalogue is None or self._catalogue[0] is not catalogue:
            every = (each for name in catalogue.ids for each in catalogue.documents(name))
            self._catalogue = (catalogue, digest(each.model_dump_json() for each in every))
        return self._catalogue[1]

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

    def _gathered(self, connection: Connection, now: datetime, *, alone: bool = False) -> Gathered:
        known = None if alone else partial(profiles.profiles, connection)
        return Gathered(connection, self._tariffs.value, now, self._zone, profiles=known, alone=alone)

    def _rules(
        self, connection: Connection, policy: AdvicePolicy, now: datetime, *, nightly: bool = False
    ) -> list[Ruled]:
        """All of them; those of the night are about tariffs alone and look at nobody else."""
        rules = registry.tariff_rules(policy)
        if nightly:
            return [each for each in rules if each.nightly]
        return [*rules, *(each for source in self._more for each in source(connection, now))]


def digest(told: Iterable[str]) -> str:
    found = hashlib.blake2b(digest_size=8)
    for each in told:
        found.update(each.encode() + b"\0")
    return found.hexdigest()


def judge(facts: Facts, rules: Sequence[Ruled]) -> list[Advice | Refused]:
    """What the rules for its class say of an account, in the order of the rules."""
    said = (each.rule(facts) for each in rules if facts.class_ in each.classes)
    return [each for each in said if each is not None]


@contextmanager
def _unswept() -> Iterator[None]:
    """Without looking for cycles meanwhile: facts and bills are many and have none, and looking through them
    all again and again takes a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def archive_energies(
    database: Database, archive: Path, zone: tzinfo, clock: Clock, policies: Path | None
) -> Energies:
    from cloud.insight.engine import Threads
    from cloud.insight.events import TemperatureEvents
    from cloud.kit.calendar import station_calendar

    calendar, hot = station_calendar(policies), TemperatureEvents(zone)
    return Energies(database, archive, zone, clock, calendar, Threads(2), hot)
