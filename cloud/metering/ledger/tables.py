"""The tables of the ledger. A row per meter and day holds its slots as bits; totals are sums of them."""

from sqlalchemy import JSON, Column, Date, ForeignKey, Index, Integer, LargeBinary, String, Table

from cloud.kit.db import Instant, metadata

meter_day_table = Table(
    "collection_meter_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("point", String(64), nullable=False),
    Column("area", String(64), nullable=False),
    Column("gateway", String(32), nullable=False),
    Column("slot_s", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("excluded", Integer, nullable=False),
    Column("reasons", JSON(none_as_null=True)),
    Column("freeze", String(16), nullable=False),
    Column("freeze_at", Instant),
    Column("sources", Integer, nullable=False),
    Column("heard", LargeBinary, nullable=False),
    Column("on_time", LargeBinary, nullable=False),
    Column("left_out", LargeBinary),
    Index(None, "meter", "day"),
    Index(None, "day", "area"),
)
"""`expected` + `excluded` are the slots in service that are over; `late` ≤ `received` ≤ `expected`.

`reasons`: {`Excluded`: slots}. `freeze_at`: when the freeze of this midnight came. `sources`: bit n is
`SOURCES[n]`. `heard`, `on_time`, `left_out`: a bit for each slot of the day, the first the highest.
"""

total_table = Table(
    "collection_total",
    metadata,
    Column("day", Date, primary_key=True),
    Column("area", String(64), primary_key=True),
    Column("gateway", String(32), primary_key=True),
    Column("feeder", String(64), nullable=False),
    Column("meters", Integer, nullable=False),
    Column("silent", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("excluded", JSON, nullable=False),
    Column("freeze_expected", Integer, nullable=False),
    Column("freeze_received", Integer, nullable=False),
    Column("freeze_late", Integer, nullable=False),
    Column("freeze_pending", Integer, nullable=False),
    Column("freeze_excluded", JSON, nullable=False),
    Column("asked_expected", Integer, nullable=False),
    Column("asked_received", Integer, nullable=False),
    Column("asked_pending", Integer, nullable=False),
    Column("asked_excluded", JSON, nullable=False),
)
"""Of one area's meters on one gateway: slots; meters for the freeze; commands for what was asked for.

`silent`: meters expected of which nothing at all came. `…_excluded`: {`Excluded`: count}.
"""

day_table = Table(
    "collection_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("counted_at", Instant, nullable=False),
    Column("scanned_at", Instant),
    Column("stale", Integer, nullable=False),
)
"""`scanned_at`: when the store itself was last looked through. `stale`: 1 when it has to be counted anew."""

gap_table = Table(
    "collection_gap",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", Date, nullable=False),
    Column("meter", String(64), nullable=False),
    Column("area", String(64), nullable=False),
    Column("gateway", String(32), nullable=False),
    Column("line", String(64), nullable=False),
    Column("start", Instant, nullable=False),
    Column("end", Instant, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("detail", String(500), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("command", String(64)),
    Column("opened_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index(None, "day", "meter"),
    Index(None, "state", "day"),
    Index(None, "meter", "start"),
)
"""[start, end) of one meter on one day. `slots` is its length, `missing` what is still without a value."""

gap_order_table = Table(
    "collection_gap_order",
    metadata,
    Column("gap", ForeignKey("collection_gap.id", ondelete="CASCADE"), primary_key=True),
    Column("command", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("missing_before", Integer, nullable=False),
    Column("missing_after", Integer),
    Column("outcome", String(16)),
    Column("detail", String(500), nullable=False),
    Index(None, "command"),
)
"""Every re-read that was ordered for a gap, and what came of it: None while nobody knows."""

exclusion_table = Table(
    "collection_exclusion",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reason", String(32), nullable=False),
    Column("place", String(16), nullable=False),
    Column("key", String(64), nullable=False),
    Column("start", Instant, nullable=False),
    Column("end", Instant),
    Column("why", String(500), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    Column("withdrawn_by", String(64)),
    Index(None, "start"),
)
"""What a person declared: `place` is feeder, area, gateway or meter, `key` its id."""

clock_spell_table = Table(
    "collection_clock_spell",
    metadata,
    Column("gateway", String(32), primary_key=True),
    Column("start", Instant, primary_key=True),
    Column("end", Instant),
)
"""When a gateway said that it had no time to be relied upon."""
