"""Heartbeats of other vantages beside our own. Never edited once shipped: stores out there were made by it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monitor_vantage",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("service_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
