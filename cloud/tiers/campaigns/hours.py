"""Which areas a promotion must not draw load into: near overload by the forecast, or at the feeder's peak."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, tzinfo

from sqlalchemy import Connection, select

from cloud.fleet.tables import area_table
from cloud.insight.areas import store as areas
from cloud.kit.bands import QUARTER_MIN, QUARTERS
from cloud.kit.calendar import Calendar
from cloud.kit.days import DAY
from cloud.tiers.campaigns.policy import FeederPeak
from cloud.tiers.campaigns.promotions import Promotion
from cloud.tiers.campaigns.rules import LeftOut
from cloud.tiers.overload import Near

NearOverload = Callable[[Connection, str, date], Near]
AHEAD = 2
"""Today and tomorrow: further the forecast does not see."""


def barred_areas(
    connection: Connection,
    promotion: Promotion,
    names: Collection[str],
    today: date,
    *,
    near: NearOverload,
    peak: FeederPeak,
    calendar: Calendar,
    zone: tzinfo,
) -> dict[str, LeftOut]:
    """By area why its accounts are not to be drawn into these hours now; those not named may be.

    Where no forecast or no capacity is known of one of its next two days, or it has no hours on them, nothing
    is known to be free: that is told apart, and asked again with the next delivery.
    """
    hours = promotion.quarters
    ahead = [day for day in (today + DAY * number for number in range(AHEAD)) if promotion.on(day, calendar)]
    found: dict[str, LeftOut] = {}
    peaks = _peaks_of(connection, names, today, peak, zone)
    for area in sorted(names):
        if not hours.isdisjoint(peaks.get(area, frozenset())):
            found[area] = LeftOut.FEEDER_PEAK
            continue
        outlooks = [near(connection, area, day) for day in ahead]
        if any(not hours.isdisjoint(each.slots) for each in outlooks):
            found[area] = LeftOut.NEAR_OVERLOAD
        elif not outlooks or any(each.unknown is not None for each in outlooks):
            found[area] = LeftOut.LOAD_UNKNOWN
    return found


def feeder_peak(
    connection: Connection, feeder: str, today: date, policy: FeederPeak, zone: tzinfo
) -> frozenset[int] | None:
    """The quarter-hours of the wall clock that are its peak; None where too few days are known."""
    days = areas.of_feeder(connection, feeder, today - DAY * policy.days, today - DAY)
    return peak_slots([each.peak_at.astimezone(zone) for each in days if each.peak_at is not None], policy)


def peak_slots(at: Iterable[datetime], policy: FeederPeak) -> frozenset[int] | None:
    """From local instants of each day's highest load."""
    slots = [(each.hour * 60 + each.minute) // QUARTER_MIN for each in at]
    if len(slots) < policy.min_days:
        return None
    far = policy.around_min // QUARTER_MIN
    near = Counter(
        slot for peak in slots for slot in range(max(0, peak - far), min(QUARTERS, peak + far + 1))
    )
    return frozenset(slot for slot, count in near.items() if count >= policy.share * len(slots))


def _peaks_of(
    connection: Connection, names: Collection[str], today: date, policy: FeederPeak, zone: tzinfo
) -> dict[str, frozenset[int]]:
    query = select(area_table.c.id, area_table.c.feeder)
    feeder_of = {row.id: row.feeder for row in connection.execute(query) if row.id in names}
    peaks = {
        feeder: feeder_peak(connection, feeder, today, policy, zone) or frozenset()
        for feeder in sorted(set(feeder_of.values()))
    }
    return {area: peaks[feeder] for area, feeder in feeder_of.items()}
