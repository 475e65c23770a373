"""The tables of class evidence: features of months, how the model did, groups to compare with, cases.

All but the cases and what people said of them is derived and may be replaced. For operators only.
"""

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

from cloud.kit.db import Exact, Instant, metadata
from cloud.kit.moving import happenings

feature_table = Table(
    "class_feature",
    metadata,
    Column("month", Date, primary_key=True),
    Column("area", String(64), primary_key=True),
    Column("points", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)
"""`points`, `content` as `indicators.packed` has them: the features of each point that stood there last in
the month, then kWh, coverage, estimated share of the month; `inputs` a digest of what they were made of."""

model_table = Table(
    "class_model",
    metadata,
    Column("month", Date, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("policy", String(32), nullable=False),
    Column("source", String(16), nullable=False),
    Column("accounts", JSON, nullable=False),
    Column("balanced", Float),
    Column("recall", JSON, nullable=False),
    Column("confusion", JSON, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("at", Instant, nullable=False),
)
"""How well behaviour tells the station's classes apart, out of fold; `source` station | prior | none."""

group_table = Table(
    "class_group",
    metadata,
    Column("month", Date, primary_key=True),
    Column("class", String(32), primary_key=True),
    Column("customers", Integer, nullable=False),
    Column("features", JSON, nullable=False),
    Column("work", LargeBinary),
    Column("off", LargeBinary),
)
"""Quartiles of a class: `features` by name; `work`, `off` float32 (3, 96), shares of a typical day. Groups
below ten are not kept."""

evidence_table = Table(
    "class_evidence",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("month", Date, nullable=False),
    Column("class", String(32), nullable=False),
    Column("probabilities", JSON, nullable=False),
    Column("months", Integer, nullable=False),
    Column("in_row", Integer, nullable=False),
    Column("coverage", Float),
    Column("estimated", Float),
    Column("source", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)
"""The newest of each account: what its behaviour speaks for, over `months`; the last `in_row` contradict."""

case_table = Table(
    "class_mismatch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("class", String(32), nullable=False),
    Column("seems", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("probability", Float, nullable=False),
    Column("months", Integer, nullable=False),
    Column("in_row", Integer, nullable=False),
    Column("month", Date, nullable=False),
    Column("coverage", Float),
    Column("estimated", Float),
    Column("evidence", JSON, nullable=False),
    Column("checks", JSON, nullable=False),
    Column("difference", Exact(2)),
    Column("priced", JSON, nullable=False),
    Column("source", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("policy", String(32), nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("quiet_until", Date),
    Index(None, "account"),
    Index(None, "state"),
)
"""Behaviour that contradicts the contract's class: evidence, never a verdict. `difference` in yuan a year,
null where it is not known; `priced` says how, or why not."""

event_table = happenings("class_mismatch_event", "case", "class_mismatch.id")
