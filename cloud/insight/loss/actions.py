"""Reckons the losses of a day, searches the history of areas, and books what people found on site."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from cloud.analysis.loss.balance import CUSTOMER
from cloud.fleet.topology import InService
from cloud.insight.curves import Partition
from cloud.insight.loss import balances, energies, gather, rules, store
from cloud.insight.loss.policy import LossPolicy
from cloud.insight.loss.rules import Event, Result, State
from cloud.insight.loss.store import INSPECTIONS, AreaLoss, Inspection, Searched
from cloud.insight.runs import Night
from cloud.insight.tasks import Lost
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Invalid

Dispatcher = Callable[[Connection, Inspection, str, datetime], str | None]
"""Makes a work order of an inspection in the open transaction and gives its number; None: there is none."""
_CONFIRMABLE = 24


@dataclass(frozen=True, slots=True)
class Done:
    """Of one day: how many areas, how many of each state."""

    areas: int
    high: int
    negative: int
    not_computable: int


class LineLoss:
    """`folder` is the archive's; `dispatch` makes work orders where somebody has given it."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        policy: LossPolicy,
        zone: tzinfo,
        clock: Clock,
        dispatch: Dispatcher | None = None,
    ) -> None:
        self._database, self._folder, self._policy = database, folder, policy
        self._zone, self._clock, self._dispatch = zone, clock, dispatch

    @property
    def policy(self) -> LossPolicy:
        return self._policy

    def night(self, night: Night) -> None:
        """What is due of an archived day: its balances; on the newest the searches whose turn it is, too.

        Lost, once all else is done: as `day`.
        """
        with self._database.read() as connection:
            first = not store.areas(connection, night.day)
        lost: Lost | None = None
        try:
            self.day(night.day, None if first else night.areas)
        except Lost as error:  # the other areas are searched all the same
            lost = error
        if night.newest:
            self.search(night.day)
        if lost is not None:
            raise lost

    def day(self, day: date, areas: Collection[str] | None = None) -> Done:
        """Balances of a closed and archived local day, of these areas or of all; again replaces.

        Lost, at the end: areas of which a file is damaged; they are kept as not computable, all others as
        they are.
        """
        with self._database.read() as connection:
            of = gather.rosters(connection, day, self._zone, None if areas is None else frozenset(areas))
            back = self._policy.upper
            upper = gather.uppers(connection, of, day, back_days=back.back_days, margin=back.margin)
            found, lost = gather.readable(connection, self._folder, day, of, upper, zone=self._zone)
        with self._database.write() as connection:
            self._refit(connection, sorted(of), day)
            known = {area: each for area, (_, each) in balances.baselines(connection, day).items()}
            fresh = balances.of_areas(found, known, self._policy)
            fresh += [_unreadable(each.task, of[each.task.area]) for each in lost]
            energies.put(connection, found)
            store.put(connection, fresh, self._clock.now())
            every = balances.stored_areas(connection, day, fresh)
            store.put(connection, balances.of_feeders(every, self._policy), self._clock.now())
        if lost:
            raise Lost(lost)
        states = [each.state for each in fresh]
        return Done(len(fresh), *(states.count(each) for each in ("high", "negative", "not_computable")))

    def _refit(self, connection: Connection, areas: Sequence[str], day: date) -> None:
        """All baselines in one go, every so many days or where there is none yet."""
        turn = day.toordinal() % self._policy.baseline.refit_days == 0
        if turn or not balances.baselines(connection, day):
            balances.refit(connection, areas, day, self._policy)

    def search(self, day: date, areas: Collection[str] | None = None) -> Searched:
        """Search the history up to `day` of the areas whose turn it is, or of these whatever their turn."""
        from cloud.insight.loss.searches import Searches  # scipy and compiled kernels

        where = Searches(self._database, self._folder, self._policy, self._zone, self._clock)
        return where.run(day, areas)

    def order(self, connection: Connection, id: int, who: str, note: str) -> Inspection:  # noqa: A002
        """Somebody is to go and look; with a dispatcher there is a work order for it."""
        now = self._clock.now()
        found = store.inspection(connection, id)
        state = State(found.state)
        rules.move(state, Event.ORDER)  # before anybody is sent
        number = self._dispatch(connection, found, who, now) if self._dispatch else None
        INSPECTIONS.move(connection, id, state, Event.ORDER, who=who, at=now, note=note, order=number)
        return store.inspection(connection, id)

    def withdraw(self, connection: Connection, id: int, who: str, note: str) -> Inspection:  # noqa: A002
        """Nobody goes after all: it waits again."""
        state, now = State(store.inspection(connection, id).state), self._clock.now()
        INSPECTIONS.move(connection, id, state, Event.WITHDRAW, who=who, at=now, note=note, order=None)
        return store.inspection(connection, id)

    def feedback(
        self,
        connection: Connection,
        id: int,  # noqa: A002
        result: Result,
        who: str,
        note: str,
        *,
        kind: str | None = None,
        recovered_kwh: float | None = None,
    ) -> Inspection:
        """What was seen on site. Invalid: `other` without saying what; Conflict: it was settled before."""
        if result == Result.OTHER and not kind:
            raise Invalid("something else was found: say what kind it is")
        now = self._clock.now()
        found = store.inspection(connection, id)
        told = found.kind if result == Result.CONFIRMED else kind
        INSPECTIONS.move(
            connection,
            id,
            State(found.state),
            Event.INSPECT,
            who=who,
            at=now,
            note=note,
            inspected_at=now,
            result=result,
            result_kind=None if told is None else told[:_CONFIRMABLE],
            recovered_kwh=recovered_kwh,
        )
        return store.inspection(connection, id)


def _unreadable(part: Partition, stood: tuple[str, list[InService]]) -> AreaLoss:
    feeder, points = stood
    customers = int((gather.roster_of(points).role == CUSTOMER).sum())
    return balances.unreadable(part.area, feeder, part.first, customers)
