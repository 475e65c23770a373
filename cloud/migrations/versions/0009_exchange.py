"""exchange: files of intervals that came in."""

import sqlalchemy as sa
from alembic import op

import cloud.kit.db

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("file", sa.String(200), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.Column("done_at", cloud.kit.db.Instant()),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_import")),
        sa.UniqueConstraint("digest", name=op.f("uq_data_import_digest")),
    )
    op.create_table(
        "data_import_stretch",
        sa.Column("import", sa.Integer(), nullable=False),
        sa.Column("meter", sa.String(64), nullable=False),
        sa.Column("quantity", sa.String(40), nullable=False),
        sa.Column("start", cloud.kit.db.Instant(), nullable=False),
        sa.Column("end", cloud.kit.db.Instant(), nullable=False),
        sa.Column("register_start_wh", sa.BigInteger(), nullable=False),
        sa.Column("register_end_wh", sa.BigInteger(), nullable=False),
        sa.Column("remainder_wh", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import"], ["data_import.id"], name=op.f("fk_data_import_stretch_import_data_import")
        ),
        sa.PrimaryKeyConstraint("import", "meter", "quantity", name=op.f("pk_data_import_stretch")),
    )
    op.create_index(
        op.f("ix_data_import_stretch_meter_quantity_end"),
        "data_import_stretch",
        ["meter", "quantity", "end"],
    )
