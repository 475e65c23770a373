"""Entitlements at work: what is promised is written down, put in force, and counted; built once."""

from datetime import timedelta

from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.ledger import Counted, Ledger
from cloud.tiers.entitlements.plans import Plans
from cloud.tiers.entitlements.polling import Done, Polling
from cloud.tiers.entitlements.reminding import Reminding
from cloud.tiers.entitlements.store import Promises, keep, of_many
from cloud.tiers.letters import Tell, Troubled, nobody, tell_nobody

APPLY_EVERY = timedelta(hours=1)
COUNT_EVERY = timedelta(hours=6)
REOPEN_EVERY = timedelta(days=1)
REMIND_EVERY = timedelta(hours=1)


class Entitling:
    """`promises` are the policies; `plans` and `ledger` are spoken to by the API and the pages."""

    def __init__(
        self,
        database: Database,
        promises: Promises,
        clock: Clock,
        outside: Outside,
        tell: Tell = tell_nobody,
        troubled: Troubled = nobody,
    ) -> None:
        self._database, self._clock = database, clock
        self.promises = promises
        self.plans = Plans(promises, clock)
        self.ledger = Ledger(database, promises, clock, outside)
        self.polling = Polling(database, promises, clock, outside.say_config)
        self.reminding = Reminding(database, promises, clock, tell, troubled)

    def apply(self) -> Done:
        """Write down what is promised from now on, move payment plans on, and plan the intervals."""
        now = self._clock.now()
        with self._database.read() as connection:
            decided = of_many(connection, self.promises, now)
        with self._database.write() as connection:
            keep(connection, decided.values(), now)
            self.plans.run(connection)
        return self.polling.run()

    def count(self) -> list[Counted]:
        """Judge the running month and the one before it."""
        return self.ledger.run()

    def reopen(self) -> list[Counted]:
        """Judge every month that late facts may open again."""
        return self.ledger.reopen()
