"""The tables of line loss: day energies, balances, technical baselines, what to inspect, what was found."""

from sqlalchemy import (
    JSON,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.moving import happenings

roster_table = Table(
    "loss_roster",
    metadata,
    Column("digest", String(32), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Which points an area had, once for all days on which they were the same."""
energy_table = Table(
    "loss_energy",
    metadata,
    Column("area", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("roster", ForeignKey("loss_roster.digest"), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("square", Float),
    Column("version", Integer, nullable=False),
    Index(None, "day"),
)
"""Day energies in the roster's order with their bounds; `square` is the sum of the area meter's slots squared
(kWh²), null where one is missing."""
loss_table = Table(
    "loss_day",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("feeder", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("supply_kwh", Float),
    Column("sales_kwh", Float),
    Column("loss_kwh", Float),
    Column("low_kwh", Float),
    Column("high_kwh", Float),
    Column("rate", Float),
    Column("points", Integer, nullable=False),
    Column("unmeasured", Integer, nullable=False),
    Column("estimated", Float),
    Column("baseline_kwh", Float),
    Column("z", Float),
    Column("of_areas", Integer),
    Column("inputs", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "day", "kind"),
)
"""`kind`: area or feeder; `of_areas` is how many areas a feeder's sum holds; `inputs` a digest of what it was
reckoned from."""
baseline_table = Table(
    "loss_baseline",
    metadata,
    Column("area", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("constant_kwh", Float, nullable=False),
    Column("per_square", Float, nullable=False),
    Column("spread_kwh", Float, nullable=False),
    Column("days", Integer, nullable=False),
    Column("by_square", Integer, nullable=False),
)
"""The technical loss as it was fitted on the days up to and without `day`."""
search_table = Table(
    "loss_search",
    metadata,
    Column("area", String(64), primary_key=True),
    Column("day", Date, nullable=False),
    Column("clean_days", Integer, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("at", Instant, nullable=False),
)
"""When an area's history was searched last, up to which day, and what came of it."""
inspection_table = Table(
    "loss_inspection",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("area", String(64), nullable=False),
    Column("point", String(64)),
    Column("other", String(64)),
    Column("state", String(16), nullable=False),
    Column("expected_kwh", Float),
    Column("low_kwh", Float),
    Column("high_kwh", Float),
    Column("strength", Float, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("checks", JSON, nullable=False),
    Column("from_day", Date, nullable=False),
    Column("to_day", Date, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("order", String(64)),
    Column("result", String(16)),
    Column("result_kind", String(24)),
    Column("recovered_kwh", Float),
    Column("inspected_at", Instant),
    Index(None, "state", "area"),
    Index(None, "area", "kind"),
    Index(None, "point"),
)
"""`other` is the area or point a suspicion is about besides; kWh are a month's, `low` to `high` 80 %;
`strength` 0..1 is how steadily the evidence came again in parts of the data. Evidence, never a verdict."""
event_table = happenings("loss_inspection_event", "inspection", "loss_inspection.id")
