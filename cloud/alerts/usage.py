"""Finds an hour in which a customer used far more than they usually do at that time of day.

An hour's consumption u is the rise of the customer's registers over it, each register interpolated between
the two readings around the turn of the hour. With h the consumptions of the same local hour on the days
before, m = median(h) and s = 1.4826 · median(|h − m|), the hour is unusual when

    u > max(floor_wh, factor · m, m + spread_factor · s)

and h has at least `min_days` values. A missing reading, a falling register or a meter that served somebody
else in between gives no value, and an hour without a value no verdict. 1.4826 makes s the standard deviation
of normal data (Rousseeuw and Croux, 1993).
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from statistics import median

from sqlalchemy import Connection

from cloud.alerts import store
from cloud.alerts.actions import Alarms, Cause, station_trace
from cloud.alerts.notify import News, Notices
from cloud.alerts.policy import AlertKind, AlertPolicy, NoticeKind, UsagePolicy
from cloud.alerts.rules import cause
from cloud.customers import store as customers
from cloud.kit.clock import Clock
from cloud.kit.days import DAY
from cloud.kit.db import Database
from cloud.kit.scope import Scope
from cloud.metering.primary import PrimaryReadings
from cloud.metering.store import ms

HOUR = timedelta(hours=1)
REGISTER = "energy_import_wh"
PAGE = 500
CATCH_UP = 24
"""Hours looked at again at most after the service stood still."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """Wh in the hour, the usual, and the limit that was passed."""

    used_wh: float
    usual_wh: float
    limit_wh: float


def judge(used_wh: float | None, history_wh: Sequence[float], policy: UsagePolicy) -> Unusual | None:
    """The formula above; None is no verdict or nothing unusual."""
    if used_wh is None or len(history_wh) < policy.min_days:
        return None
    usual = median(history_wh)
    spread = 1.4826 * median(abs(each - usual) for each in history_wh)
    limit = max(policy.floor_wh, policy.factor * usual, usual + policy.spread_factor * spread)
    return Unusual(used_wh, usual, limit) if used_wh > limit else None


def register_at(
    at_ms: int, times_ms: Sequence[int], values_wh: Sequence[float], max_gap_ms: int
) -> float | None:
    """The register at an instant, on the line between the readings around it; None when they are too far."""
    after = bisect_left(times_ms, at_ms)
    if after < len(times_ms) and times_ms[after] == at_ms:
        return values_wh[after]
    if after in (0, len(times_ms)) or times_ms[after] - times_ms[after - 1] > max_gap_ms:
        return None
    share = (at_ms - times_ms[after - 1]) / (times_ms[after] - times_ms[after - 1])
    rise = values_wh[after] - values_wh[after - 1]
    return None if rise < 0 else values_wh[after - 1] + share * rise


def same_hours(hour: datetime, days: int, zone: tzinfo) -> list[datetime]:
    """The starts of the same local hour on the days before; an hour that a clock change skips is left out."""
    local = hour.astimezone(zone)
    before = ((local.replace(tzinfo=None) - DAY * n).replace(tzinfo=zone) for n in range(1, days + 1))
    starts = [each.astimezone(hour.tzinfo) for each in before]
    return [start for start in starts if start.astimezone(zone).hour == local.hour]


Factors = Callable[[Connection, Sequence[str]], Mapping[str, float]]
"""By customer a factor of their own: it may make the watch finer than the policy's, never coarser."""


def no_own_factors(_: Connection, __: Sequence[str]) -> Mapping[str, float]:
    return {}


def finer(policy: UsagePolicy, factor: float | None) -> UsagePolicy:
    if factor is None or factor >= policy.factor:
        return policy
    return policy.model_copy(update={"factor": factor})


class UsageCheck:
    """Looks at each full hour once, when its readings have had time to come."""

    def __init__(
        self,
        database: Database,
        readings: PrimaryReadings,
        policy: AlertPolicy,
        notices: Notices,
        zone: tzinfo,
        clock: Clock,
        factors: Factors = no_own_factors,
    ) -> None:
        self._factors = factors
        self._database = database
        self._readings = readings
        self._policy = policy.usage
        self._notices = notices
        self._alarms = Alarms(policy, notices)
        self._zone = zone
        self._clock = clock

    def run(self) -> None:
        """Every hour that has not been looked at yet, the oldest first."""
        now = self._clock.now() - timedelta(seconds=self._policy.settle_s)
        newest = now.replace(minute=0, second=0, microsecond=0) - HOUR
        with self._database.read() as connection:
            last = store.newest_usage_hour(connection)
        first = newest if last is None else max(last + HOUR, newest - CATCH_UP * HOUR)
        while first <= newest:
            self._look_at(first)
            first += HOUR

    def _look_at(self, hour: datetime) -> None:
        after = ""
        while True:
            with self._database.read() as connection:
                page = [row.id for row in customers.customers(connection, after=after, limit=PAGE)]
                scopes = {each: customers.scope_of(connection, each) for each in page}
                factors = self._factors(connection, page)
            for customer, scope in scopes.items():
                policy = finer(self._policy, factors.get(customer))
                found = judge(self.used_wh(scope, hour), self._history(scope, hour), policy)
                if found is not None:
                    self._tell(customer, hour, found)
            if len(page) < PAGE:
                break
            after = page[-1]
        with self._database.write() as connection:
            store.save_usage_hour(connection, hour)
            now = self._clock.now()
            store.close_older(connection, AlertKind.UNUSUAL_USAGE, now - DAY, now)

    def _history(self, scope: Scope, hour: datetime) -> list[float]:
        before = same_hours(hour, self._policy.days, self._zone)
        values = (self.used_wh(scope, each) for each in before)
        return [value for value in values if value is not None]

    def used_wh(self, scope: Scope, hour: datetime) -> float | None:
        """What all meters that served a customer in an hour counted; None when one of them is not known."""
        end = hour + HOUR
        total = 0.0
        serving = sorted(meter for meter in scope.meters() or () if scope.clip(meter, hour, end))
        for meter in serving:
            used = self._meter_used_wh(scope, meter, hour, end)
            if used is None:
                return None
            total += used
        return total if serving else None

    def _meter_used_wh(self, scope: Scope, meter: str, start: datetime, end: datetime) -> float | None:
        gap = timedelta(seconds=self._policy.max_gap_s)
        found = self._readings.advances(scope, meter, REGISTER, start - gap, end + gap)
        first, last = (
            register_at(ms(at), found.at_ms, found.values, gap // timedelta(milliseconds=1))
            for at in (start, end)
        )
        return None if first is None or last is None or last < first else last - first

    def _tell(self, customer: str, hour: datetime, found: Unusual) -> None:
        """At most once a customer and local day, whatever the hour and however often it is looked at."""
        day = hour.astimezone(self._zone).date().isoformat()
        key = cause(AlertKind.UNUSUAL_USAGE, customer, day)
        with self._database.write() as connection:
            if store.had_cause(connection, key):
                return
            now = self._clock.now()
            evidence = {
                "hour": hour.isoformat(),
                "used_wh": round(found.used_wh),
                "usual_wh": round(found.usual_wh),
                "limit_wh": round(found.limit_wh),
            }
            trace = station_trace(key, now)
            known = Cause(AlertKind.UNUSUAL_USAGE, key, trace, customer=customer, evidence=evidence)
            alert = self._alarms.open(connection, known, now)
            self._tell_customer(connection, customer, alert, day, trace, now)

    def _tell_customer(
        self, connection: Connection, customer: str, alert: int, day: str, trace: str, now: datetime
    ) -> None:
        kind = NoticeKind.UNUSUAL_USAGE
        accounts = [row.no for row in customers.accounts_of(connection, customer)]
        params = {"day": day, "accounts": accounts}
        news = News(alert, kind, self._notices.severity(kind), params, trace, now)
        self._notices.tell_customer(connection, customer, news)
