"""The tables of the rating: a decision for each account and month, locks, contests, and the runs themselves.

A decision is derived and may be made again; it keeps the hash of its inputs and the version of its rule.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from cloud.kit.db import Instant, metadata

decision_table = Table(
    "tier_decision",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("month", Date, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("rule", String(32), nullable=False),
    Column("inputs", String(32), nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("score", Float),
    Column("class", String(32), nullable=False),
    Column("sub", String(48)),
    Column("sub_since", Date, nullable=False),
    Column("value", String(8), nullable=False),
    Column("value_since", Date, nullable=False),
    Column("credit", String(8), nullable=False),
    Column("credit_since", Date, nullable=False),
    Column("shape", String(48)),
    Column("shape_since", Date),
    Column("detail", Text, nullable=False),
    Index(None, "month"),
)
"""`month` is its first day; `inputs` a hash of what was judged; `detail` JSON as `store.Detail` has it. What
stands here is what the rule says: a lock lies over it."""

lock_table = Table(
    "tier_lock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("axis", String(8), nullable=False),
    Column("value", String(48), nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("why", String(500), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("ended_on", Date),
    Column("ended_by", String(64)),
    Index(None, "account", "axis"),
)
"""`until` is the first day on which it does not hold: it ends by itself."""

contest_table = Table(
    "tier_contest",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("axis", String(8), nullable=False),
    Column("month", Date),
    Column("value", String(48), nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("state", String(16), nullable=False),
    Column("answer", Text),
    Column("became", String(48)),
    Column("decided_by", String(64)),
    Column("decided_at", Instant),
    Column("seen_at", Instant),
    Index(None, "account", "axis"),
    Index(None, "state"),
)
"""`month` and `value` of the standing that the customer contests, `became` what it is afterwards."""

run_table = Table(
    "tier_run",
    metadata,
    Column("month", Date, primary_key=True),
    Column("rule", String(32), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("accounts", Integer, nullable=False),
    Column("report", JSON, nullable=False),
)
"""`report` as `flips.Report` has it: how many moved, how many came back."""
