"""What a customer does about load response: answers, says what they can move, leaves."""

from datetime import datetime, tzinfo
from decimal import Decimal

from sqlalchemy import Connection

from cloud.customers.store import account as account_of
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.money import Rounding, rounded
from cloud.policies.current import Current
from cloud.tiers.response import rules, store
from cloud.tiers.response.gather import Invitable
from cloud.tiers.response.policy import ResponsePolicy
from cloud.tiers.response.proposal import TENTH
from cloud.tiers.response.rules import Answer, Reply
from cloud.tiers.response.settlement import THOUSANDTH
from cloud.tiers.response.store import Event, Invitation


class Answering:
    """Answers; each in the caller's transaction."""

    def __init__(self, zone: tzinfo, clock: Clock, policy: Current[ResponsePolicy]) -> None:
        self.zone, self._clock, self.policy = zone, clock, policy

    def reply(
        self,
        connection: Connection,
        id: int,  # noqa: A002
        customer: str,
        reply: Reply,
        kw: Decimal | None = None,
    ) -> Answer:
        """Of the customer who was invited; `kw` as many as were asked for where it is not said."""
        now = self._clock.now()
        found = store.invitation(connection, id, customer)
        event = store.event(connection, found.event)
        answer = rules.replied(found.state, reply, event.state, event.times, now)
        accepted = None
        if reply is Reply.ACCEPT:
            least = self.policy.value.limits.least_kw
            accepted = rules.accepted_kw(kw if kw is not None else found.asked_kw, found.asked_kw, least)
            self._still_may(connection, found, event, now)
        store.change(connection, id, state=answer.value, accepted_kw=accepted, answered_at=now)
        return answer

    def offer(self, connection: Connection, account: str, customer: str, kw: Decimal | None) -> None:
        """What a customer says that one of their accounts can move; None takes it back. Invalid below 0.1."""
        account_of(connection, account, customer)
        if kw is not None and (kw < TENTH or kw > 100_000 or kw != rounded(kw, Rounding.DOWN, THOUSANDTH)):
            raise Invalid("kw: from 0.1 to 100000 kW, with three decimals at the most")
        store.offer(connection, account, kw, customer, self._clock.now())

    def leave(self, connection: Connection, customer: str) -> None:
        """Who agrees no more: see `leave` below."""
        leave(connection, customer, self._clock.now())

    def _still_may(self, connection: Connection, found: Invitation, event: Event, now: datetime) -> None:
        day = local_day(event.times.start, self.zone)
        may = Invitable(connection, self.policy.value, now, day, [found.account])
        if may.left(found.account, found.customer) is not None:
            raise Conflict("this account may not take part any more")


def leave(connection: Connection, customer: str, now: datetime) -> None:
    """Who agrees no more: invitations without answer are declined, those accepted withdrawn until their
    event starts; what has begun is measured and paid."""
    for each in store.invitations(connection, customer=customer, went_out=True):
        event = store.event(connection, each.event)
        reply = rules.LEAVES.get(each.state)
        if reply is None or event.state not in rules.NOT_BEGUN or now >= event.times.start:
            continue
        state = rules.INVITATION.move(each.state, reply)
        store.change(connection, each.id, state=state.value, accepted_kw=None, answered_at=now)
