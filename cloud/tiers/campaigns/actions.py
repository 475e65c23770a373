"""Campaigns from the first draft to their end: load, decide, save, tell, each in one transaction."""

from collections.abc import Mapping
from datetime import date
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection

from cloud.kit.days import DAY
from cloud.kit.errors import Conflict, Forbidden, Invalid
from cloud.tiers.campaigns import segment_store, store
from cloud.tiers.campaigns.answering import Answering
from cloud.tiers.campaigns.conditions import Conditions, Vocabulary, parsed
from cloud.tiers.campaigns.offering import Drawn, Offering
from cloud.tiers.campaigns.plan import CampaignIn, usual_measure
from cloud.tiers.campaigns.promotions import Promotion
from cloud.tiers.campaigns.rules import Event, State
from cloud.tiers.campaigns.segments import Preview, preview, select_accounts, vocabulary
from cloud.tiers.campaigns.store import CAMPAIGNS


class Campaigns(Offering, Answering):
    """From the first draft to the end."""

    def conditions(self, connection: Connection, document: Mapping[str, Any]) -> Conditions:
        """Of a segment as somebody wrote it. Invalid is one line with the nearest word that is known."""
        return parsed(document, self.vocabulary(connection))

    def vocabulary(self, connection: Connection) -> Vocabulary:
        return vocabulary(connection, self.rules.tariffs.value, self.rules.tiers.value)

    def previewed(self, connection: Connection, asked: Conditions) -> Preview:
        """Whom the conditions take now, as far as it may be shown."""
        now = self.clock.now()
        return preview(
            connection, select_accounts(connection, asked, now, self.archive.zone), now, self.archive.zone
        )

    # writing

    def write(self, connection: Connection, plan: CampaignIn, by: str, *, seed: str | None = None) -> int:
        """A draft. Invalid: what it offers is not there in its time; NotFound: no such segment."""
        row = self._row(connection, plan)
        now = self.clock.now()
        row |= {"seed": seed or token_hex(8), "state": State.DRAFT.value, "left_out": {}}
        row |= {"written_by": by, "written_at": now, "changed_at": now}
        made = CAMPAIGNS.add(connection, row)
        CAMPAIGNS.note(connection, made, now, who=by, event="write", state=State.DRAFT)
        return made

    def edit(self, connection: Connection, id: int, plan: CampaignIn, by: str) -> None:  # noqa: A002
        """Only a draft; whoever changed it last counts as its writer."""
        changed = self._row(connection, plan) | {"written_by": by}
        self.move(connection, id, Event.EDIT, by, **changed)

    def _row(self, connection: Connection, plan: CampaignIn) -> dict[str, Any]:
        segment = segment_store.segment(connection, plan.segment)
        promotion = self._subject(plan)
        measure = plan.measure or usual_measure(plan, promotion)
        policy = self.rules.policy.value
        return {
            "name": plan.name.strip(),
            "segment": plan.segment,
            "conditions": segment.conditions,
            "subject_kind": plan.subject_kind,
            "subject": plan.subject,
            "title": plan.title.model_dump(),
            "text": plan.text.model_dump(),
            "from_day": plan.from_day,
            "to_day": plan.to_day,
            "measure": measure.model_dump(mode="json"),
            "holdout_permille": policy.holdout.permille,
            "cap_offers": policy.cap.offers,
            "cap_days": policy.cap.days,
        }

    def _subject(self, plan: CampaignIn) -> Promotion | None:
        if plan.subject_kind == "product":
            held = {each.id for each in self.rules.products.value.in_force(plan.from_day)}
            if plan.subject not in held:
                self.rules.products.value.documents(plan.subject)  # NotFound names the nearest
                raise Invalid(f"subject: product {plan.subject!r} does not hold on {plan.from_day}")
            return None
        if plan.subject_kind == "message":
            return None
        promotion = self.rules.promotions.value.of(plan.subject, plan.from_day)
        if not promotion.holds(plan.to_day):
            raise Invalid(f"to_day: promotion {promotion.id} ends on {promotion.to}, before {plan.to_day}")
        return promotion

    # moving

    def approve(self, connection: Connection, id: int, by: str) -> None:  # noqa: A002
        """By another person than wrote it. Conflict: an area's hours are not free for its promotion."""
        row = store.campaign(connection, id)
        if row.written_by == by and row.state == State.DRAFT:
            raise Forbidden("another person approves what you wrote")
        self._refuse_hours(connection, row)
        self.move(connection, id, Event.APPROVE, by, approved_by=by)

    def send_back(self, connection: Connection, id: int, by: str, why: str) -> None:  # noqa: A002
        self.move(connection, id, Event.RETURN, by, _need(why), approved_by=None)

    def cancel(self, connection: Connection, id: int, by: str, why: str) -> None:  # noqa: A002
        self.move(connection, id, Event.CANCEL, by, _need(why))

    def start(self, connection: Connection, id: int, by: str) -> Drawn:  # noqa: A002
        """The hold-out is drawn and everybody else is told. Conflict: out of its days, or hours not free."""
        row = store.campaign(connection, id)
        if not row.from_day <= self.today <= row.to_day:
            raise Conflict(f"the campaign is of {row.from_day} to {row.to_day}; today is {self.today}")
        self._refuse_hours(connection, row)
        self.move(connection, id, Event.START, by)
        return self.deliver(connection, id)

    def end(self, connection: Connection, id: int, by: str) -> None:  # noqa: A002
        """Who has not answered is asked no more."""
        store.expire(connection, id, self.clock.now())
        self.move(connection, id, Event.END, by)

    def move(
        self,
        connection: Connection,
        id: int,  # noqa: A002
        event: Event,
        by: str,
        note: str = "",
        **values: Any,
    ) -> None:
        row, now = store.campaign(connection, id), self.clock.now()
        CAMPAIGNS.move(connection, id, State(row.state), event, who=by, at=now, note=note, **values)

    # by the clock

    def daily(self, connection: Connection, id: int) -> None:  # noqa: A002
        """Offers to who joined the segment of one that runs; past its last day it ends."""
        row = store.campaign(connection, id)
        if row.state == State.RUNNING and self.today > row.to_day:
            self.end(connection, id, "system")
        else:
            self.deliver(connection, id)


def _need(why: str) -> str:
    if not why.strip():
        raise Invalid("why: say why; it stays with the campaign")
    return why.strip()


def days_until_settled(to: date, settle_days: int) -> date:
    """The first day on which what was used until then has been checked."""
    return to + DAY * (settle_days + 1)
