"""What a customer does about their own offers: sees, takes, leaves, buys a voucher."""

from sqlalchemy import Connection

from cloud.customers import store as customers
from cloud.customers.file.consents import Purpose, purposes_of
from cloud.kit.errors import Conflict, NotFound
from cloud.tiers.campaigns import ledger, store
from cloud.tiers.campaigns.ground import Ground
from cloud.tiers.campaigns.rules import OFFER, Answer, OfferState, State


class Answering(Ground):
    """Answers; each in the caller's transaction."""

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
        state = OFFER.move(OfferState(offer.state), answer)
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
