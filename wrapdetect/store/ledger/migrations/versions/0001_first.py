"""The first schema of the monitor's store. Never edited once shipped: stores out there were made by it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _key(name: str, kind: type[sa.Text | sa.BigInteger | sa.Integer]) -> SchemaItem:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _column(
    name: str, kind: type[sa.Text | sa.BigInteger | sa.Integer | sa.Boolean | sa.LargeBinary], *, null: bool = False
) -> SchemaItem:
    return sa.Column(name, kind, nullable=null)


_TABLES: dict[str, tuple[SchemaItem, ...]] = {
    "setting": (_key("key", sa.Text), _column("value", sa.Text)),
    "claim": (
        _key("id", sa.Integer),
        _column("holder", sa.Text),
        _column("since_s", sa.BigInteger),
        _column("until_s", sa.BigInteger),
        _column("lease_s", sa.BigInteger),
    ),
    "service": (
        _key("id", sa.Integer),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        _column("kind", sa.Text),
        _column("url", sa.Text),
        _column("vendor", sa.Text),
        _column("endpoint", sa.Text, null=True),
    ),
    "round": (_key("round_s", sa.BigInteger), _column("finished", sa.Boolean)),
    "packed_round": (
        _key("day", sa.Integer),
        _column("last_s", sa.BigInteger),
        _column("rounds", sa.LargeBinary),
    ),
    "spend": (_key("day", sa.Integer), _column("requests", sa.BigInteger), _column("tokens", sa.BigInteger)),
    "beat": (
        _key("round_s", sa.BigInteger),
        _key("service_id", sa.Integer),
        _column("offset_ms", sa.Integer),
        _column("outcome", sa.SmallInteger),
        _column("latency_ms", sa.Integer),
        _column("said", sa.Text),
    ),
    "packed_beat": (
        _key("service_id", sa.Integer),
        _key("day", sa.Integer),
        _column("n", sa.Integer),
        _column("last_s", sa.BigInteger),
        _column("columns", sa.LargeBinary),
        _column("said", sa.LargeBinary, null=True),
    ),
    "incident": (
        _key("service_id", sa.Integer),
        _key("feed", sa.Text),
        _key("id", sa.Text),
        _column("title", sa.Text),
        _column("began_s", sa.BigInteger),
        _column("early_s", sa.BigInteger),
        _column("late_s", sa.BigInteger),
        _column("ended_s", sa.BigInteger, null=True),
        _column("severity", sa.Integer),
    ),
    "coverage": (
        _key("service_id", sa.Integer),
        _key("feed", sa.Text),
        _key("since_s", sa.BigInteger),
        _column("until_s", sa.BigInteger),
    ),
    "print": (
        _key("service_id", sa.Integer),
        _key("at_s", sa.BigInteger),
        _key("item", sa.Text),
        _column("text", sa.Text),
    ),
    "feed": (
        _key("feed", sa.Text),
        _column("at_s", sa.BigInteger),
        _column("ok", sa.Boolean),
        _column("since_s", sa.BigInteger),
        _column("detail", sa.Text),
        _column("etag", sa.Text, null=True),
        _column("last_modified", sa.Text, null=True),
    ),
    "alert": (_key("key", sa.Text), _column("at_s", sa.BigInteger)),
    "event": (_key("at_s", sa.BigInteger), _key("key", sa.Text), _column("text", sa.Text)),
}


def upgrade() -> None:
    """Heartbeats lie in the order of their key; packed days are of some kilobytes and do better with a rowid."""
    for name, columns in _TABLES.items():
        op.create_table(f"monitor_{name}", *columns, sqlite_with_rowid=name == "packed_beat")
    op.create_index("monitor_packed_beat_day", "monitor_packed_beat", ["day"])
