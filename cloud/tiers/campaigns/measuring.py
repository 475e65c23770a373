"""Measures what a campaign changed, once its days have been checked, and keeps it with its inputs."""

from collections import defaultdict
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row

from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from cloud.tiers.campaigns import measured_days, store, uplift
from cloud.tiers.campaigns.actions import Campaigns, days_until_settled
from cloud.tiers.campaigns.measured_days import Ask
from cloud.tiers.campaigns.plan import MeasurePlan, Metric
from cloud.tiers.campaigns.rules import Event, OfferState, State
from cloud.tiers.campaigns.uplift import Effect, Sides


def measure(campaigns: Campaigns, database: Database, id: int, by: str) -> dict[str, Any]:  # noqa: A002
    """Conflict: it has not ended, or the days after it are not checked yet. Nobody waits while it reads."""
    with database.read() as connection:
        row = store.campaign(connection, id)
        plan = MeasurePlan.model_validate(row.measure)
        _refuse_early(campaigns, row, plan)
        result, inputs = measured(campaigns, connection, row, plan)
    kept = {
        "campaign": id,
        "metric": plan.metric.value,
        "at": campaigns.clock.now(),
        "version": uplift.VERSION,
        "inputs": inputs,
        "result": result,
    }
    with database.write() as connection:
        campaigns.move(connection, id, Event.MEASURE, by)
        store.save_measurement(connection, kept)
    return result


def _refuse_early(campaigns: Campaigns, row: Row[Any], plan: MeasurePlan) -> None:
    if row.state not in (State.ENDED, State.MEASURED):
        raise Conflict(f"a campaign that is {row.state} cannot be measured: it has to end first")
    ready = days_until_settled(plan.after_to, campaigns.rules.policy.value.points.settle_days)
    if campaigns.today < ready:
        raise Conflict(f"its days are checked on {ready}: measure it then")


def measured(
    campaigns: Campaigns, connection: Connection, row: Row[Any], plan: MeasurePlan
) -> tuple[dict[str, Any], str]:
    """The result as JSON, and the hash of the files that it was read from."""
    counts = store.counts(connection, row.id)
    offered = sum(count for state, count in counts.items() if state != OfferState.HELD_OUT)
    policy = campaigns.rules.policy.value.measure
    taken = uplift.share_taken(counts[OfferState.ACCEPTED], offered, policy.confidence)
    said: dict[str, Any] = {
        "plan": plan.model_dump(mode="json"),
        "offers": dict(counts),
        "take_up": None if taken is None else {"value": taken.value, "low": taken.low, "high": taken.high},
        "effect": None,
        "coverage": None,
        "estimated_share": None,
    }
    if plan.metric is Metric.TAKE_UP:
        return said, ""
    drawn = store.drawn(connection, row.id)
    before, after = (
        measured_days.period(
            connection, campaigns.archive, drawn, Ask(plan.metric, plan.quarters, first, last)
        )
        for first, last in ((plan.before_from, plan.before_to), (plan.after_from, plan.after_to))
    )
    effect = _effect(campaigns, row, plan, drawn, before, after)
    said["effect"] = effect.as_json()
    said["coverage"] = _least(before.coverage, after.coverage)
    said["estimated_share"] = _most(before.estimated, after.estimated)
    return said, f"{before.inputs[:31]}-{after.inputs[:31]}"


def _effect(
    campaigns: Campaigns,
    row: Row[Any],
    plan: MeasurePlan,
    drawn: dict[str, Row[Any]],
    before: measured_days.Period,
    after: measured_days.Period,
) -> Effect:
    policy = campaigns.rules.policy.value.measure
    accounts: dict[str, list[str]] = defaultdict(list)
    for account, each in drawn.items():
        accounts[each.customer].append(account)
    names = sorted(accounts)
    values = [
        measured_days.of_customers(each.used, accounts, plan.metric, policy.min_valid_share)
        for each in (before, after)
    ]
    states = {name: {drawn[account].state for account in accounts[name]} for name in names}
    sides = Sides(
        np.array([values[0][name] for name in names]),
        np.array([values[1][name] for name in names]),
        np.array([OfferState.HELD_OUT.value not in states[name] for name in names], np.bool_),
        np.array([OfferState.ACCEPTED.value in states[name] for name in names], np.bool_),
    )
    return uplift.effect(
        sides,
        confidence=policy.confidence,
        min_per_arm=policy.min_per_arm,
        resamples=policy.resamples,
        seed=int(row.seed[:8], 16) if _is_hex(row.seed) else row.id,
    )


def measurable(campaigns: Campaigns, database: Database) -> list[int]:
    """Ended campaigns whose days have been checked."""
    settle = campaigns.rules.policy.value.points.settle_days
    with database.read() as connection:
        ended = store.campaigns(connection, states={State.ENDED})
    return [
        row.id
        for row in ended
        if campaigns.today >= days_until_settled(MeasurePlan.model_validate(row.measure).after_to, settle)
    ]


def _is_hex(seed: str) -> bool:
    return len(seed) >= 8 and all(each in "0123456789abcdef" for each in seed[:8])


def _least(*values: float | None) -> float | None:
    known = [each for each in values if each is not None]
    return min(known) if known else None


def _most(*values: float | None) -> float | None:
    known = [each for each in values if each is not None]
    return max(known) if known else None
