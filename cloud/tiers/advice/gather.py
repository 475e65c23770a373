"""Gathers the facts of all accounts, or of a few, out of what is stored: few questions, however many.

The archive itself is not opened here: energies are those that were added up before.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cloud.customers.file.consents import Purpose, consent_table
from cloud.customers.file.contracts import Contract, contracts_on
from cloud.customers.file.grades import Grade, grades_on
from cloud.customers.protection import protection_table
from cloud.insight.energies import store as energies
from cloud.insight.indicators.months import month_table
from cloud.insight.pricing import NAMES
from cloud.insight.profile.store import Profile
from cloud.kit.days import DAY, local_day
from cloud.metering.vee.point_day import Channel
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice.documents import Documents, documents
from cloud.tiers.advice.energies import Rows, Served, months_of, rows_of, services
from cloud.tiers.advice.rules import EVERYBODY, Facts, MonthUse, Quartiles

WHOLE = 13
"""So many whole months are told, at most."""
PEERS = 10
"""Groups of fewer accounts are compared with nobody."""
_YEAR = 12
ASKED = ("max_kw", "mean_kw", "base_kw", "max_ramp_kw", "night_share", "daytime_share")
"""The indicators that rules ask for: of a whole station no others are read."""
_SHARES = (*NAMES, "sharp_peak")
ProfilesOf = Callable[[Sequence[str]], Mapping[str, Profile]]


@dataclass(frozen=True, slots=True)
class _Indicators:
    """`values` float32 (columns, points, months); `line` is each point's row."""

    months: tuple[date, ...]
    line: Mapping[str, int]
    values: NDArray[np.float32]

    def of(self, point: str) -> dict[str, NDArray[np.float32]]:
        row = self.line.get(point)
        if row is None:
            return {}
        return dict(zip(ASKED, self.values[:, row], strict=True))


@dataclass(frozen=True, slots=True)
class _People:
    grades: Mapping[str, Grade]
    consents: Mapping[str, frozenset[Purpose]]
    protected: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Peers:
    """By class; by class, tariff and plan; and each account's own figures."""

    of_class: Mapping[str, Mapping[str, Quartiles]]
    of_plan: Mapping[tuple[str, str, str], Mapping[str, Quartiles]]
    own: Mapping[str, Mapping[str, float]]
    shares: Mapping[str, Mapping[str, float]]


_NO_INDICATORS = _Indicators((), {}, np.empty((len(ASKED), 0, 0), np.float32))
_NOBODY, _NO_PEERS = _People({}, {}, frozenset()), _Peers({}, {}, {}, {})


class Gathered:
    """What is known at one instant; `facts` makes it an account's. The connection is used while it is made
    and by `profiles`."""

    def __init__(
        self,
        connection: Connection,
        catalogue: Catalogue,
        now: datetime,
        zone: tzinfo,
        *,
        profiles: ProfilesOf | None = None,
        alone: bool = False,
    ) -> None:
        """`alone`: what an account used and its contract, and nothing of anybody else."""
        self.today, self._zone = local_day(now, zone), zone
        self._profiles = profiles
        self.contracts = contracts_on(connection, self.today)
        self._served = services(connection, zone)
        self._documents: dict[str, Documents] = {}
        self._catalogue = catalogue
        since = _before(self.today.replace(day=1), WHOLE + 1)
        self._rows: Rows = rows_of(catalogue, energies.blocks(connection, since, self.today))
        if alone:
            self._indicators, self._people, self._peers = _NO_INDICATORS, _NOBODY, _NO_PEERS
            return
        self._indicators = _indicators(connection, since, self.today)
        self._people = _people(connection, self.today)
        self._peers = self._compared()

    @property
    def month(self) -> date | None:
        """The newest month that energies are stored of."""
        return max((found[-1][0].month for found in self._rows.of_point.values()), default=None)

    def facts(
        self, accounts: Collection[str] | None = None, classes: Collection[str] = EVERYBODY
    ) -> Iterator[Facts]:
        """In order of account; of those named that have a contract of these classes, or of all."""
        asked = self.contracts if accounts is None else self.contracts.keys() & set(accounts)
        names = sorted(name for name in asked if self.contracts[name].class_ in classes)
        for low in range(0, len(names), 1000):
            some = names[low : low + 1000]
            points = [point for name in some for point in self._points(name)]
            profiles = self._profiles(points) if self._profiles else {}
            for name in some:
                yield self._facts(self.contracts[name], profiles)

    def documents(self, tariff: str) -> Documents:
        if tariff not in self._documents:
            self._documents[tariff] = documents(self._catalogue, tariff)
        return self._documents[tariff]

    def with_contract(self, facts: Facts, tariff: str, plan: str) -> Facts:
        """The same account as if it had another contract: what was stored under its tariff, or nothing."""
        contract = _renamed(facts.contract, tariff, plan)
        served = self._served.get(facts.account, ())
        months = months_of(self._rows, tariff, served, demands=True)
        whole, current = _split(months, self.today)
        return Facts(self.today, contract, self.documents(tariff), facts.points, whole, current, shares={})

    def _facts(self, contract: Contract, profiles: Mapping[str, Profile]) -> Facts:
        account, points = contract.account, self._points(contract.account)
        served = self._served.get(account, ())
        months = months_of(self._rows, contract.tariff, served, demands=contract.class_ != "household")
        whole, current = _split(months, self.today)
        alone = points[0] if len(points) == 1 else None
        peers = self._peers
        return Facts(
            self.today,
            contract,
            self.documents(contract.tariff),
            points,
            whole,
            current,
            self._indicators.months,
            self._indicators.of(alone) if alone else {},
            peers.own.get(account, {}),
            peers.of_class.get(contract.class_, {}),
            peers.shares.get(account, {}),
            peers.of_plan.get((contract.class_, contract.tariff, contract.plan), {}),
            profiles.get(alone) if alone else None,
            self._people.grades.get(account),
            self._people.consents.get(contract.customer, frozenset()),
            account in self._people.protected,
        )

    def _points(self, account: str) -> tuple[str, ...]:
        """Those that serve it today."""
        return tuple(
            dict.fromkeys(
                each.point
                for each in self._served.get(account, ())
                if each.last is None or each.last >= self.today
            )
        )

    def _compared(self) -> _Peers:
        """Means of the last twelve whole months, and quartiles of groups that are large enough."""
        names = sorted(self.contracts)
        own: dict[str, Mapping[str, float]] = {}
        means = self._means()
        by_class: dict[str, list[int]] = {}
        shares: dict[str, Mapping[str, float]] = {}
        by_plan: dict[tuple[str, str, str], list[Mapping[str, float]]] = {}
        for name in names:
            contract, points = self.contracts[name], self._points(name)
            row = self._indicators.line.get(points[0]) if len(points) == 1 else None
            if row is not None:
                by_class.setdefault(contract.class_, []).append(row)
                own[name] = {
                    key: value
                    for key, value in zip(ASKED, means[row].tolist(), strict=True)
                    if value == value
                }
            if found := self._shares(contract):
                shares[name] = found
                by_plan.setdefault((contract.class_, contract.tariff, contract.plan), []).append(found)
        of_class = {each: _quartiles(means[rows], ASKED) for each, rows in by_class.items()}
        of_plan = {
            key: _quartiles(np.array([[each[name] for name in _SHARES] for each in found]), _SHARES)
            for key, found in by_plan.items()
        }
        return _Peers(of_class, of_plan, own, shares)

    def _means(self) -> NDArray[np.float64]:
        """(points, columns), NaN where nothing is known of the year."""
        newest = self.today.replace(day=1)
        use = [at for at, month in enumerate(self._indicators.months) if month < newest][-_YEAR:]
        values = self._indicators.values[:, :, use].astype(np.float64)
        known = ~np.isnan(values)
        count = known.sum(axis=2)
        sums = np.where(known, values, 0).sum(axis=2)
        means: NDArray[np.float64] = np.divide(sums, count, out=np.full(sums.shape, np.nan), where=count > 0)
        return means.T

    def _shares(self, contract: Contract) -> Mapping[str, float] | None:
        """Of a plan with bands alone; of the year before the open month."""
        newest, sums = self.today.replace(day=1), [0.0] * len(NAMES)
        oldest = _before(newest, _YEAR)
        banded = False
        for served in self._served.get(contract.account, ()):
            for block, row in self._rows.of_point.get(served.point, ()):
                if not oldest <= block.month < newest:
                    continue
                at = self._rows.banded(contract.tariff, block, contract.plan)
                if at is None or not _within(block.content[row, :2].tolist(), served):
                    continue
                banded = True
                for band, kwh in enumerate(block.content[row, at : at + energies.BANDS].tolist()):
                    sums[band] += kwh
        whole = sum(sums)
        if not banded or not whole > 0:
            return None
        found = {name: kwh / whole for name, kwh in zip(NAMES, sums, strict=True)}
        return {**found, "sharp_peak": found["sharp"] + found["peak"]}


def _within(head: Sequence[float], served: Served) -> bool:
    return served.first.toordinal() <= head[0] and (served.last is None or head[1] <= served.last.toordinal())


def _split(months: Sequence[MonthUse], today: date) -> tuple[tuple[MonthUse, ...], MonthUse | None]:
    """The unbroken run of whole months that ends with the newest, and the open one after it."""
    newest = today.replace(day=1)
    current = next((each for each in months if each.month == newest), None)
    run: list[MonthUse] = []
    expected = None
    for each in reversed(months):
        if each is current or (not each.whole and expected is None and current is None):
            current = current or each
            continue
        if not each.whole or (expected is not None and each.month != expected):
            break
        run.append(each)
        expected = _before(each.month, 1)
    if current is not None and current.whole:
        run, current = [current, *run], None
    return tuple(reversed(run[:WHOLE])), current


def _quartiles(values: NDArray[np.float64], names: Sequence[str]) -> dict[str, Quartiles]:
    found = {}
    for at, name in enumerate(names):
        known = values[:, at][~np.isnan(values[:, at])]
        if len(known) >= PEERS:
            low, middle, high = np.percentile(known, [25, 50, 75]).tolist()
            found[name] = Quartiles(low, middle, high, len(known))
    return found


def _indicators(connection: Connection, since: date, today: date) -> _Indicators:
    table = month_table.c
    query = (
        select(table.month, table.point, *(table[name] for name in ASKED))
        .where(table.channel == Channel.IMPORT.value, table.month.between(since, today))
        .execution_options(yield_per=10_000)
    )
    months: dict[date, int] = {}
    line: dict[str, int] = {}
    where: list[tuple[int, int]] = []
    chunks: list[NDArray[np.float32]] = []
    for part in connection.execute(query).partitions():
        where += [
            (line.setdefault(row[1], len(line)), months.setdefault(row[0], len(months))) for row in part
        ]
        chunks.append(np.array([row[2:] for row in part], np.float32))
    values = np.full((len(ASKED), len(line), len(months)), np.nan, np.float32)
    if chunks:
        rows, columns = np.array(where).T
        values[:, rows, columns] = np.concatenate(chunks).T
    order = sorted(months)
    return _Indicators(tuple(order), line, values[:, :, [months[each] for each in order]])


def _people(connection: Connection, today: date) -> _People:
    consents: dict[str, set[Purpose]] = {}
    table = consent_table.c
    query = select(table.customer, table.purpose).where(table.withdrawn_at.is_(None))
    for customer, purpose in connection.execute(query):
        consents.setdefault(customer, set()).add(Purpose(purpose))
    protected = select(protection_table.c.account).where(protection_table.c.ended_at.is_(None))
    return _People(
        grades_on(connection, today),
        {customer: frozenset(found) for customer, found in consents.items()},
        frozenset(connection.scalars(protected)),
    )


def _renamed(contract: Contract, tariff: str, plan: str) -> Contract:
    return replace(contract, tariff=tariff, plan=plan)


@cache
def _before(month: date, number: int) -> date:
    for _ in range(number):
        month = (month - DAY).replace(day=1)
    return month
