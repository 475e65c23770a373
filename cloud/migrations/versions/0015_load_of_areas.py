"""load of areas."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "area_load_day",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("coverage", sa.Float(), nullable=True),
        sa.Column("coincidence", sa.Float(), nullable=True),
        sa.Column("peak_kw", sa.Float(), nullable=True),
        sa.Column("load_rate_max", sa.Float(), nullable=True),
        sa.Column("heavy_h", sa.Float(), nullable=True),
        sa.Column("over_h", sa.Float(), nullable=True),
        sa.Column("power_factor", sa.Float(), nullable=True),
        sa.Column("imbalance_max", sa.Float(), nullable=True),
        sa.Column("voltage_rate", sa.Float(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", "day", name=op.f("pk_area_load_day")),
    )
    op.create_index(op.f("ix_area_load_day_day_kind"), "area_load_day", ["day", "kind"], unique=False)
