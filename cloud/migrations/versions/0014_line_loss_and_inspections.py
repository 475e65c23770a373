"""line loss and inspections."""

import sqlalchemy as sa
from alembic import op

import cloud.kit.db

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loss_roster",
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_loss_roster")),
    )
    op.create_table(
        "loss_energy",
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("roster", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("square", sa.Float()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["roster"], ["loss_roster.digest"], name=op.f("fk_loss_energy_roster_loss_roster")
        ),
        sa.PrimaryKeyConstraint("area", "day", name=op.f("pk_loss_energy")),
    )
    op.create_index(op.f("ix_loss_energy_day"), "loss_energy", ["day"])
    op.create_table(
        "loss_day",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("feeder", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("supply_kwh", sa.Float()),
        sa.Column("sales_kwh", sa.Float()),
        sa.Column("loss_kwh", sa.Float()),
        sa.Column("low_kwh", sa.Float()),
        sa.Column("high_kwh", sa.Float()),
        sa.Column("rate", sa.Float()),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("unmeasured", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Float()),
        sa.Column("baseline_kwh", sa.Float()),
        sa.Column("z", sa.Float()),
        sa.Column("of_areas", sa.Integer()),
        sa.Column("inputs", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "day", name=op.f("pk_loss_day")),
    )
    op.create_index(op.f("ix_loss_day_day_kind"), "loss_day", ["day", "kind"])
    op.create_table(
        "loss_baseline",
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("constant_kwh", sa.Float(), nullable=False),
        sa.Column("per_square", sa.Float(), nullable=False),
        sa.Column("spread_kwh", sa.Float(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("by_square", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("area", "day", name=op.f("pk_loss_baseline")),
    )
    op.create_table(
        "loss_search",
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("clean_days", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("area", name=op.f("pk_loss_search")),
    )
    op.create_table(
        "loss_inspection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("point", sa.String(64)),
        sa.Column("other", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("expected_kwh", sa.Float()),
        sa.Column("low_kwh", sa.Float()),
        sa.Column("high_kwh", sa.Float()),
        sa.Column("strength", sa.Float(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("found_at", cloud.kit.db.Instant(), nullable=False),
        sa.Column("changed_at", cloud.kit.db.Instant(), nullable=False),
        sa.Column("order", sa.String(64)),
        sa.Column("result", sa.String(16)),
        sa.Column("result_kind", sa.String(24)),
        sa.Column("recovered_kwh", sa.Float()),
        sa.Column("inspected_at", cloud.kit.db.Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loss_inspection")),
    )
    op.create_index(op.f("ix_loss_inspection_state_area"), "loss_inspection", ["state", "area"])
    op.create_index(op.f("ix_loss_inspection_area_kind"), "loss_inspection", ["area", "kind"])
    op.create_index(op.f("ix_loss_inspection_point"), "loss_inspection", ["point"])
    op.create_table(
        "loss_inspection_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inspection", sa.Integer(), nullable=False),
        sa.Column("at", cloud.kit.db.Instant(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspection"],
            ["loss_inspection.id"],
            name=op.f("fk_loss_inspection_event_inspection_loss_inspection"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loss_inspection_event")),
    )
    op.create_index(op.f("ix_loss_inspection_event_inspection"), "loss_inspection_event", ["inspection"])
