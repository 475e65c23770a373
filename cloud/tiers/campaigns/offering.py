"""Whom a campaign reaches: who is in its segment, who is left out and why, the hold-out, and the letter."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.customers.file.consents import Purpose, consented
from cloud.customers.protection import Protection, protections
from cloud.customers.store import account_table
from cloud.kit.errors import Conflict
from cloud.tiers.campaigns import hours, rules, store
from cloud.tiers.campaigns.conditions import Conditions
from cloud.tiers.campaigns.ground import Ground
from cloud.tiers.campaigns.promotions import Promotion
from cloud.tiers.campaigns.rules import Barred, LeftOut, OfferState, State
from cloud.tiers.campaigns.segments import Member, Selection, select_accounts
from cloud.tiers.letters import Letter


@dataclass(frozen=True, slots=True)
class Drawn:
    """Of one delivery: newly offered and newly held out, and who of the segment is left out, by reason."""

    offered: int
    held_out: int
    left_out: Mapping[str, int]


class Offering(Ground):
    """Offers; each in the caller's transaction."""

    def _refuse_hours(self, connection: Connection, row: Row[Any]) -> None:
        promotion = self.promotion_of(row)
        if promotion is None:
            return
        found = self.selection(connection, row)
        names = {area for each in found.members for area in each.areas}
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
        store.close_of(connection, id, protected_customers(connection), now)
        taken, left = self.foreseen(connection, row)
        offers = [self._offer(row, each, now) for each in taken]
        store.put_offers(connection, offers)
        store.CAMPAIGNS.change(connection, id, left_out={why.value: count for why, count in left.items()})
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

    def _capped(self, connection: Connection, row: Row[Any]) -> set[str]:
        """Who was asked often enough by all others; this campaign's own offer is none, or of one customer's
        accounts those offered would be fewer than those held out."""
        since = self.clock.now() - timedelta(days=row.cap_days)
        asked = store.offered_since(connection, since, but=row.id)
        asked.update(self.around.invited(connection, since))
        return {customer for customer, count in asked.items() if count >= row.cap_offers}

    def _barred(self, connection: Connection, row: Row[Any], members: Sequence[Member]) -> Barred:
        now = self.clock.now()
        promotion = self.promotion_of(row)
        areas = {}
        if promotion is not None:
            there = {area for each in members for area in each.areas}
            areas = self._barred_areas(connection, promotion, there)
            if promotion.for_.areas:
                elsewhere = there - set(promotion.for_.areas)
                areas |= dict.fromkeys(elsewhere, LeftOut.OTHER_CLASS)
        return Barred(
            protected=protected_customers(connection),
            consented=consented(connection, Purpose.OFFERS, now),
            troubled=self.around.troubled(connection, now),
            capped=self._capped(connection, row),
            areas=areas,
            classes=None if promotion is None else frozenset(promotion.for_.classes),
        )


def protected_customers(connection: Connection) -> set[str]:
    """Customers with a protected household among their accounts: no campaign reaches any of them."""
    accounts = {row.account for row in protections(connection) if row.kind == Protection.HOUSEHOLD}
    query = select(account_table.c.no, account_table.c.customer)
    return {row.customer for row in connection.execute(query) if row.no in accounts} if accounts else set()
