"""Hourly temperature at the station's place, as files said it; a newer file stands above."""

from sqlalchemy import Column, Float, Integer, String, Table

from cloud.kit.db import Instant, metadata

weather_table = Table(
    "weather_hour",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("celsius", Float, nullable=False),
)
"""`hour`: whole hours since 1970 in UTC, of the hour that begins then."""

import_table = Table(
    "weather_import",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("file", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("hours", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
)
"""Each file that came in: what it added, and how many hours it said anew."""
