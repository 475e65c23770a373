"""Measures an event from the archive: each participant's baseline and effect, and that of all together.

Only days on which the account was at that point teach its baseline, never those of whoever was there before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from cloud.analysis.grid import by_wall
from cloud.customers.store import service_table
from cloud.fleet import topology
from cloud.insight.curves import QUARTER_S, curves
from cloud.kit.calendar import Calendar, DayType
from cloud.kit.days import DAY, bounds, local_day, midnight
from cloud.metering.archive.manifest import day_table
from cloud.tiers.response import store
from cloud.tiers.response.baseline import Baseline, Days, Errors, Kw, Refused, Rule, Window, baseline, errors
from cloud.tiers.response.effect import Effect, Span, Sureness, effect, mean_error, together
from cloud.tiers.response.policy import BaselineRule, ResponsePolicy
from cloud.tiers.response.rules import Times

SLOTS = 96
TYPES = (DayType.WORK, DayType.SATURDAY, DayType.OFF)


@dataclass(frozen=True, slots=True)
class Measured:
    """`effects` by account, None with `refused` by account where there is no baseline or no reading.

    `kw` and `baseline_kw` (slots,) are of all that have a baseline, of the event's day and what follows.
    """

    effects: dict[str, Effect | None]
    baselines: dict[str, Baseline]
    whole: Effect | None
    window: Window
    day: date
    kw: Kw
    baseline_kw: Kw


def placed(times: Times, rebound_hours: float, zone: tzinfo) -> tuple[date, Window]:
    """The local day of an event, and its slots on the wall clock."""
    day = local_day(times.start, zone)
    start, end = (
        (local.date() - day).days * SLOTS + local.hour * 4 + local.minute // 15
        for local in (times.start.astimezone(zone), times.end.astimezone(zone))
    )
    return day, Window(start, end, end + round(rebound_hours * 4))


def archived_until(connection: Connection) -> date | None:
    """The newest local day that the archive has."""
    found: date | None = connection.scalar(select(func.max(day_table.c.day)))
    return found


def needs_until(times: Times, rebound_hours: float, zone: tzinfo) -> date:
    """The local day that has to be archived before an event can be measured."""
    return local_day(times.end + timedelta(hours=rebound_hours) - timedelta(microseconds=1), zone)


class Measuring:
    """Reads the archive in `folder`; one at a time, for one event."""

    def __init__(self, folder: Path, zone: tzinfo, calendar: Calendar, policy: ResponsePolicy) -> None:
        self._folder, self._zone, self._calendar, self._policy = folder, zone, calendar, policy

    def measured(self, connection: Connection, times: Times, accounts: Sequence[str]) -> Measured:
        """Conflict: a file of the archive is damaged."""
        rule = self._policy.baseline
        day, window = placed(times, self._policy.rebound.hours, self._zone)
        first = day - DAY * (rule.look_back_days + self._placebo_reach())
        held = store.took_part(connection, accounts)
        series = self._series(connection, accounts, first, day, window, held)
        row = (day - first).days
        found = {no: self._one(known, row, window) for no, known in series.items()}
        lacking = {no: self._nothing(window) for no in accounts if no not in series}
        effects = {
            no: effect(series[no].kw[row], expected, wrong, window, self._sureness)
            for no, (expected, wrong) in found.items()
        }
        parts = [(series[no].kw[row], *found[no]) for no in series if effects[no] is not None]
        kw, usual = self._added(parts, window)
        return Measured(
            effects | dict.fromkeys(lacking), {no: each[0] for no, each in found.items()} | lacking,
            together(parts, window, self._sureness), window, day, kw, usual,
        )  # fmt: skip

    @property
    def _sureness(self) -> Sureness:
        return Sureness(self._policy.baseline.interval, self._policy.baseline.least_placebo)

    def _placebo_reach(self) -> int:
        """Days back within which so many working days lie: five a week."""
        return -(-self._policy.baseline.placebo_days // 5) * 7

    def _one(self, known: Days, row: int, window: Window) -> tuple[Baseline, Errors]:
        rule = rule_of(self._policy.baseline, free=bool(known.kinds[row]))
        found = baseline(known, row, window, rule)
        return found, errors(known, row, window, rule, self._policy.baseline.placebo_days)

    def _nothing(self, window: Window) -> Baseline:
        return Baseline(np.full(max(SLOTS, window.after), np.nan), refused=Refused.FEW_DAYS)

    def _added(self, parts: Sequence[tuple[Kw, Baseline, Errors]], window: Window) -> tuple[Kw, Kw]:
        """What was drawn and what would have been, each without the slots that anybody lacks."""
        if not parts:
            blank = np.full(max(SLOTS, window.after), np.nan)
            return blank, blank
        drawn = np.sum([kw for kw, _, _ in parts], axis=0)
        least = self._policy.baseline.least_placebo
        usual = np.sum([each.kw - mean_error(wrong, least) for _, each, wrong in parts], axis=0)
        return drawn, usual

    def _series(
        self,
        connection: Connection,
        accounts: Sequence[str],
        first: date,
        day: date,
        window: Window,
        held: Mapping[str, Sequence[datetime]],
    ) -> dict[str, Days]:
        """By account, of the days from `first` to `day`; an account without a point is not there."""
        points = self._points(connection, accounts, bounds(day, self._zone))
        every = sorted({point for some in points.values() for point, _ in some})
        if not every:
            return {}
        places = topology.installations(connection, *bounds(day, self._zone), points=every)
        found = curves(
            connection, self._folder, every, first, day + DAY,
            zone=self._zone, areas={each.area for each in places},
        )  # fmt: skip
        wh = np.where(found.estimated | found.outage, np.nan, found.wh)
        kw = by_wall(wh.astype(np.float32), found.grid).astype(np.float64) * (3600 / QUARTER_S) / 1000
        index = {point: n for n, point in enumerate(found.points)}
        kinds = np.array([TYPES.index(self._calendar.day_type(each)) for each in found.grid.days], np.int8)
        plain = np.array([not self._calendar.holiday(each) for each in found.grid.days])
        out = {}
        for account, some in points.items():
            mine = np.sum(
                [self._theirs(kw[index[point]], since, found.grid.days) for point, since in some], axis=0
            )
            days = {local_day(at, self._zone) for at in held.get(account, ())}
            free = np.array([each not in days for each in found.grid.days])
            whole = np.isnan(mine).mean(axis=1) <= self._policy.baseline.estimated_share
            extra = max(0, window.after - SLOTS)
            wide = np.concatenate([mine[:-1], mine[1:, :extra]], axis=1)
            out[account] = Days(wide, kinds[:-1], (plain & free & whole)[:-1])
        return out

    def _theirs(self, kw: Kw, since: datetime, days: Sequence[date]) -> Kw:
        """Without the days that began before the account was at the point."""
        mine = np.array([midnight(day, self._zone) >= since for day in days])
        return np.where(mine[:, None], kw, np.nan)

    def _points(
        self, connection: Connection, accounts: Sequence[str], span: tuple[datetime, datetime]
    ) -> dict[str, list[tuple[str, datetime]]]:
        """By account its points all through the event's day, with since when."""
        table = service_table.c
        query = (
            select(table.account, table.point, table.start)
            .where(table.account.in_(sorted(accounts)), table.start <= span[0])
            .where(table.end.is_(None) | (table.end >= span[1]))
        )
        found: dict[str, list[tuple[str, datetime]]] = {}
        for account, point, start in connection.execute(query):
            found.setdefault(account, []).append((point, start))
        return found


def rule_of(policy: BaselineRule, *, free: bool) -> Rule:
    """Of a working day, or of a Saturday and a day off."""
    alike = policy.free_days if free else policy
    return Rule(
        alike.best, alike.of, alike.least_days, policy.look_back_days,
        round(policy.adjust_from_hours * 4), round(policy.adjust_until_hours * 4), policy.adjustment_cap,
    )  # fmt: skip


def told(found: Effect | None, expected: Baseline | None) -> dict[str, Any]:
    """As it is kept: figures alone, never anybody's curve."""
    why = expected.refused if expected is not None else None
    about = {
        "refused": why.value if why else (None if found else "not_read"),
        "baseline_days": len(expected.days) if expected is not None else None,
        "factor": _plain(expected.factor) if expected is not None else None,
    }
    if found is None:
        return about
    spans = {name: _span(getattr(found, name)) for name in ("reduction", "rebound", "net")}
    figures = ("plain_kwh", "mean_kw", "known", "known_after", "chance", "bias", "cv_rmse")
    return about | spans | {name: _plain(getattr(found, name)) for name in figures} | {"days": found.days}


def _span(found: Span) -> dict[str, float | None]:
    return {"kwh": _plain(found.kwh), "low": _plain(found.low), "high": _plain(found.high)}


def _plain(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 4)
