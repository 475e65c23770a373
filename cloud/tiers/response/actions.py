"""Takes an event from its proposal to its settlement: every step is written, people approve and pay.

Nothing here moves a relay: customers shift load themselves, and are paid for what was measured.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.errors import CloudError, Conflict, Invalid
from cloud.policies.current import Current
from cloud.tiers.letters import Letter, Tell, Troubled, nobody, tell_nobody
from cloud.tiers.response import planning, rules, store
from cloud.tiers.response.answering import Answering
from cloud.tiers.response.gather import Invitable
from cloud.tiers.response.kept import hours_of, result_of, whole_of
from cloud.tiers.response.measuring import Measuring, archived_until, needs_until
from cloud.tiers.response.planning import Plan, Where
from cloud.tiers.response.policy import ResponsePolicy
from cloud.tiers.response.proposal import asked_kw, named, outlook
from cloud.tiers.response.rules import EVENT, Answer, State, Step
from cloud.tiers.response.settlement import lines
from cloud.tiers.response.store import Event, Invitation

log = logging.getLogger(__name__)

CLOCK = "clock"
"""Who takes the steps that only time brings."""
LETTER = "response"


class Responses(Answering):
    """`folder` is the archive's; `tell` writes a letter to a customer into the open transaction; whoever is
    `troubled`, as by an outage, is not asked now."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        zone: tzinfo,
        clock: Clock,
        policy: Current[ResponsePolicy],
        calendar: Calendar,
        tell: Tell = tell_nobody,
        troubled: Troubled = nobody,
    ) -> None:
        super().__init__(zone, clock, policy)
        self._database, self._folder, self.calendar = database, folder, calendar
        self._tell, self._troubled = tell, troubled

    def plan(self, connection: Connection, where: Where, *, but: int | None = None) -> Plan:
        """Invalid for hours that cannot be an event."""
        return planning.plan(
            connection, where, self.policy.value, self.calendar, self.zone, self._clock.now(),
            but=but, troubled=self._troubled,
        )  # fmt: skip

    def too_late(self, start: datetime) -> bool:
        """Whether customers could no longer be told in time of an event that begins then."""
        notice = timedelta(hours=self.policy.value.limits.notice_hours)
        return self._clock.now() + notice > start

    def propose(
        self, connection: Connection, where: Where, by: str, accounts: Sequence[str] | None = None
    ) -> int:
        """An event with its candidates as they are now, or those named of them; the number of it.

        Invalid: its hours are over or cannot be an event, nothing is known of them, or somebody named is none
        of the candidates.
        """
        now, limits = self._clock.now(), self.policy.value.limits
        if where.start <= now:
            raise Invalid("start: it is over already")
        found = self.plan(connection, where)
        if found.need is None or found.cover is None:
            raise Invalid("start: there is no forecast of these hours, or nobody knows what is too much")
        asked = named(found, accounts)
        if not asked:
            raise Invalid("accounts: there is nobody to ask")
        row = {
            "kind": where.kind.value, "subject": where.subject, "start": where.start, "end": where.end,
            "close_at": where.start - timedelta(hours=limits.answer_hours), "state": State.PROPOSED.value,
            "need_p50_kw": found.need.p50_kw, "need_p90_kw": found.need.p90_kw,
            "outlook": outlook(found), "policy": self.policy.value.version, "proposed_by": by,
            "changed_at": now,
        }  # fmt: skip
        chosen = [
            {"account": each.account, "customer": each.customer, "asked_kw": asked_kw(each, limits.least_kw)}
            for each in asked
        ]
        number = store.add(connection, row, chosen)
        store.note(connection, number, "propose", State.PROPOSED, by, now)
        return number

    def step(self, id: int, step: Step, by: str, note: str = "") -> State:  # noqa: A002
        """One that a person takes, in its own transaction. Conflict: it does not follow, or is not theirs.

        To settle what is settled changes nothing.
        """
        if step in (Step.CLOSE, Step.START, Step.END):
            raise Conflict("that step is taken by the clock")
        if step is Step.MEASURE:
            return self._measure(id, by)
        with self._database.write() as connection:
            event = store.event(connection, id)
            if step is Step.SETTLE and event.state is State.SETTLED:
                return event.state
            return self._step(connection, event, step, by, note)

    def tick(self) -> int:
        """The job: take the clock's steps, and measure what the archive has; how many steps were taken."""
        taken = 0
        with self._database.read() as connection:
            open_ = [each.id for each in store.events(connection, states=set(State) - rules.OVER)]
        for number in open_:
            taken += self._advance(number)
        return taken

    # one event

    def _advance(self, number: int) -> int:
        taken = 0
        with self._database.write() as connection:
            event = store.event(connection, number)
            while found := self._due(connection, event):
                self._step(connection, event, found[0], CLOCK, found[1])
                event = store.event(connection, number)
                taken += 1
            ready = event.state is State.ENDED and self._can_measure(connection, event)
        if ready:
            try:
                self._measure(number, CLOCK)
            except CloudError as error:
                log.warning("event %d cannot be measured: %s", number, error)
            else:
                taken += 1
        return taken

    def _due(self, connection: Connection, event: Event) -> tuple[Step, str] | None:
        """What the clock does next, and what it says; an event that nobody takes part in is cancelled."""
        if event.state is State.CLOSED and not store.asked(connection, event.id).get(Answer.ACCEPTED):
            return Step.CANCEL, "nobody accepted"
        step = rules.due(event.state, event.times, self._clock.now())
        return None if step is None else (step, "not invited in time" if step is Step.CANCEL else "")

    def _step(self, connection: Connection, event: Event, step: Step, by: str, said: str = "") -> State:
        now, state = self._clock.now(), EVENT.move(event.state, step)
        changed: dict[str, Any] = {}
        if step is Step.APPROVE:
            changed["approved_by"] = rules.approved_by(event.proposed_by, by)
        elif step is Step.INVITE:
            self._invite(connection, event, now)
        elif step is Step.CLOSE:
            self._close(connection, event)
        elif step is Step.CANCEL:
            self._tell_all(connection, event, now, "cancelled")
        elif step is Step.SETTLE:
            self._settle(connection, event, by, now)
        store.go(connection, event.id, state, now, **changed)
        store.note(connection, event.id, step, state, by, now, said)
        return state

    def _invite(self, connection: Connection, event: Event, now: datetime) -> None:
        """Conflict when it is too late, or nobody may be asked any more."""
        policy = self.policy.value
        if self.too_late(event.times.start):
            hours = f"{policy.limits.notice_hours:g}"
            raise Conflict(f"it is too late: customers are told {hours} hours before the start")
        day = local_day(event.times.start, self.zone)
        terms = policy.terms_on(day)
        fixed = {
            "price_per_kwh": str(terms.price_per_kwh),
            "price_per_kw": str(terms.price_per_kw),
            "least_share": str(terms.least_share),
        }
        chosen = store.invitations(connection, event=event.id)
        accounts = [each.account for each in chosen]
        may = Invitable(connection, policy, now, day, accounts, self._troubled)
        went_out = 0
        for each in chosen:
            if may.left(each.account, each.customer) is not None:
                store.change(connection, each.id, state=Answer.LEFT_OUT.value)
                continue
            store.change(connection, each.id, state=Answer.INVITED.value, terms=fixed, invited_at=now)
            self._letter(connection, event, each, now, "invited")
            went_out += 1
        if not went_out:
            raise Conflict("nobody of those chosen may be invited any more: cancel it")

    def _close(self, connection: Connection, event: Event) -> None:
        for each in store.invitations(connection, event=event.id, went_out=True):
            if each.state is Answer.INVITED:
                store.change(connection, each.id, state=Answer.NO_ANSWER.value)

    def _can_measure(self, connection: Connection, event: Event) -> bool:
        until = archived_until(connection)
        return until is not None and until >= needs_until(
            event.times, self.policy.value.rebound.hours, self.zone
        )

    def _measure(self, number: int, by: str) -> State:
        """Reads for as long as it takes, and writes only then: others wait for the one writer."""
        with self._database.read() as connection:
            event = store.event(connection, number)
            state = EVENT.move(event.state, Step.MEASURE)
            if not self._can_measure(connection, event):
                raise Conflict("the day of this event is not archived yet: it is measured when it is")
            part = [
                each for each in store.invitations(connection, event=number) if each.state is Answer.ACCEPTED
            ]
            measuring = Measuring(self._folder, self.zone, self.calendar, self.policy.value)
            found = measuring.measured(connection, event.times, [each.account for each in part])
        hours, now = hours_of(event.times), self._clock.now()
        with self._database.write() as connection:
            EVENT.move(store.event(connection, number).state, Step.MEASURE)
            for each in part:
                store.change(connection, each.id, result=result_of(found, each, hours))
            store.go(connection, number, state, now, result=whole_of(found, part, hours))
            store.note(connection, number, Step.MEASURE, state, by, now)
        return state

    def _settle(self, connection: Connection, event: Event, by: str, now: datetime) -> None:
        for each in store.invitations(connection, event=event.id):
            if each.state is Answer.ACCEPTED and each.accepted_kw is not None and each.terms is not None:
                kwh = ((each.result or {}).get("reduction") or {}).get("kwh")
                due = lines(each.terms, each.accepted_kw, hours_of(event.times), kwh)
                store.pay(connection, each.id, due, by, now)
                self._letter(connection, event, each, now, "settled")

    # those who take part

    def _tell_all(self, connection: Connection, event: Event, now: datetime, what: str) -> None:
        for each in store.invitations(connection, event=event.id, went_out=True):
            if each.state in (Answer.INVITED, Answer.ACCEPTED):
                self._letter(connection, event, each, now, what)

    def _letter(
        self, connection: Connection, event: Event, found: Invitation, now: datetime, what: str
    ) -> None:
        params = {"what": what, "invitation": found.id, "start": event.times.start.isoformat(),
                  "end": event.times.end.isoformat()}  # fmt: skip
        self._tell(
            connection,
            Letter(found.customer, LETTER, f"response {event.id} {found.account} {what}", now, params),
        )
