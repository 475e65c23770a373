"""The tables of segments, campaigns and what was promised for taking part.

An offer says what became of one account; the ledger of points is only ever added to.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.moving import happenings

segment_table = Table(
    "segment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(120), nullable=False, unique=True),
    Column("conditions", JSON, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("changed_by", String(64), nullable=False),
    Column("changed_at", Instant, nullable=False),
)
"""`conditions` as `conditions.Conditions` has them."""

campaign_table = Table(
    "campaign",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("state", String(16), nullable=False),
    Column("segment", ForeignKey("segment.id"), nullable=False),
    Column("conditions", JSON, nullable=False),
    Column("subject_kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("title", JSON, nullable=False),
    Column("text", JSON, nullable=False),
    Column("from_day", Date, nullable=False),
    Column("to_day", Date, nullable=False),
    Column("measure", JSON, nullable=False),
    Column("seed", String(32), nullable=False),
    Column("holdout_permille", Integer, nullable=False),
    Column("cap_offers", Integer, nullable=False),
    Column("cap_days", Integer, nullable=False),
    Column("left_out", JSON, nullable=False),
    Column("written_by", String(64), nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("approved_by", String(64)),
    Column("changed_at", Instant, nullable=False),
    Index(None, "state"),
    Index(None, "segment"),
)
"""`conditions` are the segment's as they were when the campaign was written; `to_day` is its last day;
`subject_kind` product | promotion | message, `subject` its id; `title`, `text` by language; `left_out` how
many accounts of the segment the last delivery left out, by reason."""

campaign_event_table = happenings("campaign_event", "campaign", "campaign.id")

offer_table = Table(
    "campaign_offer",
    metadata,
    Column("campaign", ForeignKey("campaign.id"), primary_key=True),
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("customer", ForeignKey("customer.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("drawn_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("seen_at", Instant),
    Column("answered_at", Instant),
    Column("ended_at", Instant),
    Index(None, "customer", "sent_at"),
    Index(None, "account"),
)
"""One of each account that was drawn; who is held out has no `sent_at` and was told nothing."""

measurement_table = Table(
    "campaign_measurement",
    metadata,
    Column("campaign", ForeignKey("campaign.id"), primary_key=True),
    Column("metric", String(24), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("result", JSON, nullable=False),
)
"""`result` as `uplift.Measured` has it; derived, so it may be replaced."""

point_entry_table = Table(
    "point_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("lot", ForeignKey("point_entry.id")),
    Column("kind", String(16), nullable=False),
    Column("points", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("expires_on", Date),
    Column("campaign", ForeignKey("campaign.id")),
    Column("source", String(64), nullable=False),
    Column("day", Date),
    Column("wh", BigInteger),
    Column("note", String(200), nullable=False),
    Column("by", String(64), nullable=False),
    Index(None, "account", "id"),
    Index(None, "campaign"),
    Index(None, "lot"),
)
"""`kind` award (a lot of its own, with the last day it is good), spend, expire, reverse (of a `lot`); `key`
makes each happen once. Whole points; `wh` is what an award of a `day` was reckoned from, none are missing."""

voucher_table = Table(
    "voucher",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("campaign", ForeignKey("campaign.id")),
    Column("what", JSON, nullable=False),
    Column("points", Integer, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_on", Date, nullable=False),
    Column("redeemed_at", Instant),
    Column("redeemed_by", String(64)),
    Column("cancelled_at", Instant),
    Column("note", Text, nullable=False),
    Index(None, "account"),
)
"""`what` by language; redeemed once, at the station's counter; `points` were spent for it, 0 if given."""
