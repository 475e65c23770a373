"""The table of the load of areas: a row for each area or feeder and day; what lists sort by is a column."""

from sqlalchemy import JSON, Column, Date, Float, Index, Integer, String, Table

from cloud.kit.db import Instant, metadata

day_table = Table(
    "area_load_day",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("customers", Integer, nullable=False),
    Column("coverage", Float),
    Column("coincidence", Float),
    Column("peak_kw", Float),
    Column("load_rate_max", Float),
    Column("heavy_h", Float),
    Column("over_h", Float),
    Column("power_factor", Float),
    Column("imbalance_max", Float),
    Column("voltage_rate", Float),
    Column("detail", JSON, nullable=False),
    Index(None, "day", "kind"),
)
"""`detail` is the whole `AreaDay`; the other columns are of it. `inputs` tells which files were read."""
