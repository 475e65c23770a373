"""The registry as it is now: areas, gateways, meters; its history is kept in step in the same transaction."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, true

from cloud.kit.db import metadata

area_table = Table(
    "area",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("feeder", String(64), nullable=False),
    Column("has_backfeed", Boolean),
)
"""`has_backfeed`: PV or a generator may feed back (反送电); null is not recorded, so it must be assumed."""
gateway_table = Table(
    "gateway",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(120), nullable=False),
)
meter_table = Table(
    "meter",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("address", String(16), nullable=False),
    Column("model", String(64), nullable=False),
    Column("area", ForeignKey("area.id"), nullable=False),
    Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("line", String(64), nullable=False),
    Column("phase", String(8)),
    Column("role", String(16), nullable=False),
    Column("interval_s", Integer, nullable=False),
    Column("ct_ratio", Float, nullable=False, server_default="1"),
    Column("pt_ratio", Float, nullable=False, server_default="1"),
    Column("asset_no", String(64)),
    Column("installed", Boolean, nullable=False, server_default=true()),
    Index(None, "area"),
    Index(None, "gateway", "line"),
)
"""What each meter is now, for all who ask often; not `installed`: it was taken off. How it was: `history`."""
