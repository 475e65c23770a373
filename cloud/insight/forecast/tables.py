"""The tables of forecasts: a row holds a whole group (the points of an area, or all areas) of one day.

Points of an area are one group under that area's id; areas, transformers and feeders are one group each,
under "". Blobs are this slice's own (see rows.py); a row is replaced when the day is forecast again.
"""

from sqlalchemy import Column, Date, Integer, LargeBinary, String, Table

from cloud.kit.db import Instant, metadata

forecast_table = Table(
    "forecast_day",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("grouped", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("closed", Date, nullable=False),
    Column("subjects", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("outlook", LargeBinary),
)
"""`closed` is the last day that was known; `body` as `rows.Body`; `outlook` only of transformers."""
score_table = Table(
    "forecast_score",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("grouped", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("scored_at", Instant, nullable=False),
    Column("subjects", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What each forecast of that day was worth when the day had come: sums, so that days add up."""
model_table = Table(
    "forecast_model",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("trained_at", Instant, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("series", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("trees", LargeBinary, nullable=False),
)
"""The global models, newest last: trees as plain arrays, never a pickle."""
