"""The tables of load response: events, who was invited to them, what was paid, and curtailment lists.

What was fixed at an invitation (terms) and what came of it (result) stay with it; steps are never removed.
"""

from sqlalchemy import (
    JSON,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from cloud.kit.db import Exact, Instant, metadata

event_table = Table(
    "response_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("start", Instant, nullable=False),
    Column("end", Instant, nullable=False),
    Column("close_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("need_p50_kw", Float),
    Column("need_p90_kw", Float),
    Column("outlook", JSON, nullable=False),
    Column("policy", String(64), nullable=False),
    Column("proposed_by", String(64), nullable=False),
    Column("approved_by", String(64)),
    Column("changed_at", Instant, nullable=False),
    Column("result", JSON),
    Index(None, "state"),
    Index(None, "start"),
)
"""`kind` area | transformer | feeder of `subject`; answers are taken until `close_at`; `outlook` as it was
when the event was proposed; `result` of all together when it was measured."""
step_table = Table(
    "response_step",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event", ForeignKey("response_event.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("step", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("note", String(500), nullable=False),
    Index(None, "event"),
)
"""Every step that was taken: `state` is the one it led to."""
invitation_table = Table(
    "response_invitation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event", ForeignKey("response_event.id"), nullable=False),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("customer", ForeignKey("customer.id"), nullable=False),
    Column("asked_kw", Exact(3), nullable=False),
    Column("accepted_kw", Exact(3)),
    Column("state", String(16), nullable=False),
    Column("terms", JSON, nullable=False),
    Column("invited_at", Instant),
    Column("answered_at", Instant),
    Column("result", JSON),
    UniqueConstraint("event", "account"),
    Index(None, "account"),
    Index(None, "customer"),
)
"""`terms`: price_per_kwh, price_per_kw, least_share as decimal strings, and why so many kW were asked."""
payment_table = Table(
    "response_payment",
    metadata,
    Column("invitation", ForeignKey("response_invitation.id"), primary_key=True),
    Column("line", String(16), primary_key=True),
    Column("quantity", Exact(3), nullable=False),
    Column("unit", String(8), nullable=False),
    Column("price", Exact(4), nullable=False),
    Column("amount", Exact(2), nullable=False),
    Column("why", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
)
"""Lines of a settlement in CNY: no part of any bill. `why` a line is what it is: measured, bounded, …"""
offered_table = Table(
    "response_offered",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("kw", Exact(3), nullable=False),
    Column("since", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("ended_at", Instant),
    Index(None, "account"),
)
"""What a customer said themselves that they can move; a new word ends the one before."""
curtailment_table = Table(
    "curtailment_list",
    metadata,
    Column("document_no", String(120), primary_key=True),
    Column("authority", String(120), nullable=False),
    Column("from_day", Date, nullable=False),
    Column("to_day", Date, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("file", String(200), nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
)
"""A government-approved list (有序用电) as it was imported; `to_day` is its last day."""
curtailment_row_table = Table(
    "curtailment_row",
    metadata,
    Column("document_no", ForeignKey("curtailment_list.document_no"), primary_key=True),
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("kw", Exact(3), nullable=False),
    Column("order", Integer, nullable=False),
)
