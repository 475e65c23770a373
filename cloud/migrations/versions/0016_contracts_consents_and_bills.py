"""contracts, consents and bills."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("how", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["customer"], ["customer.id"], name=op.f("fk_consent_customer_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_customer_purpose"), "consent", ["customer", "purpose"], unique=False)
    op.create_index(op.f("ix_consent_purpose"), "consent", ["purpose"], unique=False)
    op.create_table(
        "bill",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("kwh", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_bill_account_account")),
        sa.PrimaryKeyConstraint("account", "month", name=op.f("pk_bill")),
    )
    op.create_index(op.f("ix_bill_month"), "bill", ["month"], unique=False)
    op.create_table(
        "contract",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("tariff", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("voltage", sa.String(length=32), nullable=False),
        sa.Column("capacity_kva", sa.BigInteger(), nullable=True),
        sa.Column("basis", sa.String(length=16), nullable=True),
        sa.Column("contracted_kw", sa.BigInteger(), nullable=True),
        sa.Column("basis_fixed_until", sa.Date(), nullable=True),
        sa.Column("capacity_change_on", sa.Date(), nullable=True),
        sa.Column("standard", sa.Integer(), nullable=True),
        sa.Column("price_source", sa.String(length=20), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=True),
        sa.Column("moved_in", sa.Date(), nullable=True),
        sa.Column("round_the_clock", sa.Boolean(), nullable=True),
        sa.Column("pv_kwp", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_contract_account_account")),
        sa.PrimaryKeyConstraint("account", "from_day", name=op.f("pk_contract")),
    )
    op.create_table(
        "customer_grade",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("grade", sa.String(length=16), nullable=False),
        sa.Column("list_no", sa.String(length=120), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_customer_grade_account_account")),
        sa.PrimaryKeyConstraint("account", "from_day", name=op.f("pk_customer_grade")),
    )
    op.create_table(
        "service_need",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("need", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_service_need_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_need")),
    )
    op.create_index(op.f("ix_service_need_account"), "service_need", ["account"], unique=False)
