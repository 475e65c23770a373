"""advice."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "energy_month",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("plans", sa.JSON(), nullable=False),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("inputs", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("month", "area", name=op.f("pk_energy_month")),
    )
    op.create_index(op.f("ix_energy_month_area_month"), "energy_month", ["area", "month"], unique=False)
    op.create_table(
        "advice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("inputs", sa.String(length=32), nullable=False),
        sa.Column("saving", sa.BigInteger(), nullable=True),
        sa.Column("formula", sa.String(length=1000), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("bills", sa.JSON(), nullable=True),
        sa.Column("confidence", sa.String(length=8), nullable=False),
        sa.Column("needs", sa.JSON(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.Column("why", sa.String(length=500), nullable=True),
        sa.Column("measured", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_advice_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advice")),
    )
    op.create_index(op.f("ix_advice_account_state"), "advice", ["account", "state"], unique=False)
    op.create_index(op.f("ix_advice_state_kind"), "advice", ["state", "kind"], unique=False)
    op.create_table(
        "advice_refusal",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_advice_refusal_account_account")),
        sa.PrimaryKeyConstraint("account", "kind", name=op.f("pk_advice_refusal")),
    )
    op.create_index(op.f("ix_advice_refusal_kind_reason"), "advice_refusal", ["kind", "reason"], unique=False)
    op.create_table(
        "product_signup",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("product", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_product_signup_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_signup")),
    )
    op.create_index(op.f("ix_product_signup_account"), "product_signup", ["account"], unique=False)
    op.create_index(op.f("ix_product_signup_product"), "product_signup", ["product"], unique=False)
