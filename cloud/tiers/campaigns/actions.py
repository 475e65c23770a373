"""Campaigns from the first draft to what they changed: load, decide, save, tell, each in one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.customers import store as customers
from cloud.customers.consents import Purpose, consented, give, purposes_of, withdraw
from cloud.customers.protection import Protection, protections
from cloud.customers.store import account_table
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, local_day
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.policies.current import Current
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.advice.products import Products
from cloud.tiers.campaigns import hours, ledger, rules, segment_store, store
from cloud.tiers.campaigns.conditions import Conditions, Vocabulary, parsed
from cloud.tiers.campaigns.measured_days import Archive
from cloud.tiers.campaigns.plan import CampaignIn, usual_measure
from cloud.tiers.campaigns.policy import CampaignPolicy
from cloud.tiers.campaigns.promotions import Promotion, Promotions
from cloud.tiers.campaigns.rules import Answer, Barred, Event, LeftOut, OfferState, State
from cloud.tiers.campaigns.segments import Member, Preview, Selection, preview, select_accounts, vocabulary
from cloud.tiers.letters import Letter, Tell
from cloud.tiers.rating.policy import TierPolicy

Troubled = Callable[[Connection, datetime], Collection[str]]
"""The customers of whom an outage, a fault report or a complaint is open: not now."""


@dataclass(frozen=True, slots=True)
class Around:
    """What campaigns ask of the rest: `near` overload by area and day, whom not to trouble, how to tell."""

    near: hours.NearOverload
    troubled: Troubled
    tell: Tell


@dataclass(frozen=True, slots=True)
class Rules:
    policy: Current[CampaignPolicy]
    promotions: Current[Promotions]
    products: Current[Products]
    tariffs: Current[Catalogue]
    tiers: Current[TierPolicy]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Of one delivery: newly offered and newly held out, and who of the segment is left out, by reason."""

    offered: int
    held_out: int
    left_out: Mapping[str, int]


class Campaigns:
    """`archive` says where curves lie; days are the station's."""

    def __init__(
        self, rules: Rules, archive: Archive, calendar: Calendar, clock: Clock, around: Around
    ) -> None:
        self.rules, self.archive, self.calendar = rules, archive, calendar
        self.clock, self.around = clock, around

    @property
    def today(self) -> date:
        return local_day(self.clock.now(), self.archive.zone)

    def conditions(self, connection: Connection, document: Mapping[str, Any]) -> Conditions:
        """Of a segment as somebody wrote it. Invalid is one line with the nearest word that is known."""
        return parsed(document, self.vocabulary(connection))

    def vocabulary(self, connection: Connection) -> Vocabulary:
        return vocabulary(connection, self.rules.tariffs.value, self.rules.tiers.value)

    def previewed(self, connection: Connection, asked: Conditions) -> Preview:
        """Whom the conditions take now, as far as it may be shown."""
        now = self.clock.now()
        return preview(connection, select_accounts(connection, asked, now, self.archive.zone), now)

    # writing

    def write(self, connection: Connection, plan: CampaignIn, by: str, *, seed: str | None = None) -> int:
        """A draft. Invalid: what it offers is not there in its time; NotFound: no such segment."""
        row = self._row(connection, plan)
        now = self.clock.now()
        row |= {"seed": seed or token_hex(8), "state": State.DRAFT.value, "left_out": {}}
        row |= {"written_by": by, "written_at": now, "changed_at": now}
        made = store.add(connection, row)
        store.log(connection, made, now, by, "write", State.DRAFT)
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

    def promotion_of(self, row: Row[Any]) -> Promotion | None:
        """The promotion that a campaign is about, as it stands now."""
        if row.subject_kind != "promotion":
            return None
        return self.rules.promotions.value.of(row.subject, row.from_day)

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
        state = rules.moved(State(row.state), event)
        store.change(connection, id, state=state.value, changed_at=now, **values)
        store.log(connection, id, now, by, event, state, note)

    def _refuse_hours(self, connection: Connection, row: Row[Any]) -> None:
        promotion = self.promotion_of(row)
        if promotion is None:
            return
        found = self.selection(connection, row)
        names = {each.area for each in found.members}
        barred = self._barred_areas(connection, promotion, names)
        told = {
            LeftOut.NEAR_OVERLOAD: "near overload in these hours",
            LeftOut.FEEDER_PEAK: "at the peak of its feeder in these hours",
        }
        against = [f"area {area} is {told[why]}" for area, why in sorted(barred.items()) if why in told]
        if against:
            more = f" and {len(against) - 3} more" if len(against) > 3 else ""
            raise Conflict(f"{promotion.id} draws load there: {'; '.join(against[:3])}{more}")

    def _barred_areas(
        self, connection: Connection, promotion: Promotion, names: Collection[str]
    ) -> dict[str, LeftOut]:
        return hours.barred_areas(
            connection,
            promotion,
            names,
            self.today,
            near=self.around.near,
            peak=self.rules.policy.value.feeder_peak,
            calendar=self.calendar,
            zone=self.archive.zone,
        )

    # offering

    def selection(self, connection: Connection, row: Row[Any]) -> Selection:
        """Whom the conditions that the campaign was written with take now."""
        asked = Conditions.model_validate(row.conditions)
        return select_accounts(connection, asked, self.clock.now(), self.archive.zone)

    def foreseen(self, connection: Connection, row: Row[Any]) -> tuple[list[Member], dict[LeftOut, int]]:
        """Who would be drawn now, offered or held out, and how many are left out, by reason."""
        known = store.drawn(connection, row.id)
        found = self.selection(connection, row)
        fresh = [each for each in found.members if each.account not in known]
        return rules.split(fresh, self._barred(connection, row, fresh))

    def deliver(self, connection: Connection, id: int) -> Drawn:  # noqa: A002
        """Offer it to whoever is in the segment and has not been drawn; again, it does nothing again."""
        row, now = store.campaign(connection, id), self.clock.now()
        if row.state != State.RUNNING or not row.from_day <= self.today <= row.to_day:
            return Drawn(0, 0, {})
        taken, left = self.foreseen(connection, row)
        offers = [self._offer(row, each, now) for each in taken]
        store.put_offers(connection, offers)
        store.change(connection, id, left_out={why.value: count for why, count in left.items()})
        told = sorted({each["customer"] for each in offers if each["sent_at"] is not None})
        for customer in told:
            self.around.tell(connection, self._letter(row, customer, now))
        sent = sum(each["sent_at"] is not None for each in offers)
        return Drawn(sent, len(offers) - sent, {why.value: count for why, count in left.items()})

    def _offer(self, row: Row[Any], member: Member, now: datetime) -> dict[str, Any]:
        held = rules.held_out(row.seed, member.customer, row.holdout_permille)
        return {
            "campaign": row.id,
            "account": member.account,
            "customer": member.customer,
            "state": (OfferState.HELD_OUT if held else OfferState.SENT).value,
            "drawn_at": now,
            "sent_at": None if held else now,
        }

    def _letter(self, row: Row[Any], customer: str, now: datetime) -> Letter:
        params = {"title": row.title, "text": row.text, "until": row.to_day.isoformat()}
        return Letter(customer, "offer", f"campaign {row.id}", now, params)

    def _barred(self, connection: Connection, row: Row[Any], members: Sequence[Member]) -> Barred:
        now = self.clock.now()
        since = now - timedelta(days=row.cap_days)
        promotion = self.promotion_of(row)
        areas = {}
        if promotion is not None:
            areas = self._barred_areas(connection, promotion, {each.area for each in members})
            if promotion.for_.areas:
                elsewhere = {each.area for each in members} - set(promotion.for_.areas)
                areas |= dict.fromkeys(elsewhere, LeftOut.OTHER_CLASS)
        return Barred(
            protected=protected_customers(connection),
            consented=consented(connection, Purpose.OFFERS, now),
            troubled=self.around.troubled(connection, now),
            capped={
                customer
                for customer, count in store.offered_since(connection, since).items()
                if count >= row.cap_offers
            },
            areas=areas,
            classes=None if promotion is None else frozenset(promotion.for_.classes),
        )

    # answers

    def answer(
        self,
        connection: Connection,
        id: int,  # noqa: A002
        account: str,
        answer: Answer,
        customer: str,
    ) -> OfferState:
        """By the customer; NotFound for whoever was offered nothing. Conflict: it is over, or no consent."""
        row, now = store.campaign(connection, id), self.clock.now()
        offer = store.offer(connection, id, account, customer)
        state = rules.answered(OfferState(offer.state), answer)
        if answer is not Answer.SEE:
            if row.state != State.RUNNING or self.today > row.to_day:
                raise Conflict("the offer is over")
            if answer is Answer.ACCEPT and Purpose.OFFERS not in purposes_of(connection, customer):
                raise Conflict("agree to be sent offers first")
        if state != offer.state:
            at = "seen_at" if answer is Answer.SEE else "answered_at"
            store.set_offer(connection, id, account, state=state.value, **{at: now})
        return state

    def see_all(self, connection: Connection, customer: str) -> None:
        """Their page with the offers was opened."""
        for each in store.offers_to(connection, customer):
            if each.state == OfferState.SENT:
                self.answer(connection, each.campaign, each.account, Answer.SEE, customer)

    def set_consent(self, connection: Connection, customer: str, yes: bool, *, how: str, by: str) -> None:
        """To be sent offers, or no more: then what is unanswered is declined for them."""
        now = self.clock.now()
        if yes:
            give(connection, customer, Purpose.OFFERS, how=how, by=by, now=now)
            return
        withdraw(connection, customer, Purpose.OFFERS, by=by, now=now)
        store.close_of_customer(connection, customer, now)

    def buy(
        self,
        connection: Connection,
        customer: str,
        account: str,
        voucher: str,
        key: str,
    ) -> str:
        """A voucher for points of the customer's own account; its code. The same `key` buys once."""
        customers.account(connection, account, customer)
        wanted = self.rules.policy.value.voucher_of(voucher)
        if wanted is None:
            raise NotFound(f"there is no voucher {voucher!r}")
        own, zone = f"{account}:{key}", self.archive.zone
        return ledger.buy(connection, account, wanted, key=own, by="customer", at=self.clock.now(), zone=zone)

    # by the clock

    def daily(self, connection: Connection) -> None:
        """Offers to who joined the segment; campaigns whose last day is past end."""
        for row in store.campaigns(connection, states={State.RUNNING}):
            if self.today > row.to_day:
                self.end(connection, row.id, "system")
            else:
                self.deliver(connection, row.id)


def protected_customers(connection: Connection) -> set[str]:
    """Customers with a protected household among their accounts: no campaign reaches any of them."""
    accounts = {row.account for row in protections(connection) if row.kind == Protection.HOUSEHOLD}
    query = select(account_table.c.no, account_table.c.customer)
    return {row.customer for row in connection.execute(query) if row.no in accounts} if accounts else set()


def _need(why: str) -> str:
    if not why.strip():
        raise Invalid("why: say why; it stays with the campaign")
    return why.strip()


def days_until_settled(to: date, settle_days: int) -> date:
    """The first day on which what was used until then has been checked."""
    return to + DAY * (settle_days + 1)
