"""The tables of entitlements: promises and what became of them, intervals, payment plans, limits, reminders.

Nothing here says how anybody lives: figures are counts, minutes, shares of a limit, money billed anyway.
"""

from sqlalchemy import JSON, Column, Date, Float, ForeignKey, Index, Integer, String, Table

from cloud.kit.db import Exact, Instant, metadata

given_table = Table(
    "entitlement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("version", String(64), nullable=False),
    Column("terms", JSON, nullable=False),
    Index(None, "account", "since"),
    Index(None, "until"),
)
"""What an account was promised over time: {term: {"value", "rule", "when"}}. Rows are only ended."""

promise_table = Table(
    "promise",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("month", Date, primary_key=True),
    Column("part", String(24), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("reason", String(32)),
    Column("promised", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    Column("rule", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("reopened", Integer, nullable=False),
    Column("before", JSON(none_as_null=True)),
    Index(None, "month", "state"),
)
"""One promise to one account in one month. `figures`: the numbers; `sources`: where each comes from.

`closed_at` None while the month runs; `reopened`: how often late facts changed it afterwards, `before` the
state and figures that stood until then.
"""

contact_table = Table(
    "manager_contact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("how", String(16), nullable=False),
    Column("note", String(500), nullable=False),
    Column("by", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "account", "at"),
)
"""That an account's manager spoke with it, written down by a person; no machine can know."""

interval_table = Table(
    "planned_interval",
    metadata,
    Column("meter", ForeignKey("meter.id"), primary_key=True),
    Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("promised_s", Integer, nullable=False),
    Column("before_s", Integer),
    Column("interval_s", Integer),
    Column("version", Integer),
    Column("at", Instant, nullable=False),
    Index(None, "gateway"),
)
"""`before_s`: what the settings said before we did, None: nothing; it comes back with the tier's end.
`interval_s`, `version`: what was set, and in which settings of the gateway; None where it could not be."""

polling_table = Table(
    "gateway_polling",
    metadata,
    Column("gateway", ForeignKey("gateway.id"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("version", Integer),
    Column("at", Instant, nullable=False),
    Column("pushed_at", Instant),
)
"""What became of the plan for each gateway: as promised, set, left alone, full, or refused there."""

plan_table = Table(
    "payment_plan",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("state", String(12), nullable=False),
    Column("amount", Exact(2), nullable=False),
    Column("months", JSON, nullable=False),
    Column("rule", String(64), nullable=False),
    Column("offered_at", Instant, nullable=False),
    Column("offered_by", String(64), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index(None, "account", "state"),
    Index(None, "state"),
)
"""`months`: the first days of the bills it covers; `amount` is their sum in yuan."""

instalment_table = Table(
    "instalment",
    metadata,
    Column("plan", ForeignKey("payment_plan.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("due_on", Date, nullable=False),
    Column("amount", Exact(2), nullable=False),
    Column("paid_on", Date),
    Column("recorded_by", String(64)),
    Column("recorded_at", Instant),
)

plan_event_table = Table(
    "payment_plan_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plan", ForeignKey("payment_plan.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("who", String(64), nullable=False),
    Column("event", String(16), nullable=False),
    Column("state", String(12), nullable=False),
    Column("note", String(500), nullable=False),
    Index(None, "plan"),
)

limit_table = Table(
    "limit_day",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("state", String(8), nullable=False),
    Column("reason", String(24)),
    Column("value", Float),
    Column("limit", Float),
    Column("coverage", Float),
    Column("rule", String(64), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("alert", Integer),
    Column("made_at", Instant, nullable=False),
    Index(None, "day"),
)
"""How a promised limit was kept on a day: within, passed, or unknown for a `reason`; `value` is null then.
Shares: a deviation from the nominal voltage, cos φ, demand over the contract's. `alert` stood for it."""

reminder_table = Table(
    "reminder",
    metadata,
    Column("subject", String(80), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("month", Date),
    Column("plan", ForeignKey("payment_plan.id")),
    Column("number", Integer),
    Column("due_on", Date, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "account", "at"),
)
"""A debt of which its customer was reminded: of a bill its `month`, of an instalment `plan` and `number`.
`step` in days from when it was due, below 0 before it."""
