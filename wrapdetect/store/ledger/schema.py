"""The monitor's store as tables: what each holds, by which key."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text
from sqlalchemy.schema import SchemaItem

REVISION = "0002"
VERSION_TABLE = "monitor_version"

META = MetaData()


def _table(name: str, *items: SchemaItem) -> Table:
    return Table(f"monitor_{name}", META, *items, sqlite_with_rowid=False)


def _key(name: str, kind: type[Text | BigInteger | Integer]) -> SchemaItem:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _column(
    name: str, kind: type[Text | BigInteger | Integer | Boolean | LargeBinary], *, null: bool = False
) -> SchemaItem:
    return Column(name, kind, nullable=null)


SETTING = _table("setting", _key("key", Text), _column("value", Text))
CLAIM = _table(
    "claim",
    _key("id", Integer),
    _column("holder", Text),
    _column("since_s", BigInteger),
    _column("until_s", BigInteger),
    _column("lease_s", BigInteger),
)
SERVICE = _table(
    "service",
    _key("id", Integer),
    Column("name", Text, nullable=False, unique=True),
    _column("kind", Text),
    _column("url", Text),
    _column("vendor", Text),
    _column("endpoint", Text, null=True),
)
VANTAGE = _table("vantage", _key("id", Integer), _column("service_id", Integer), _column("name", Text))
"""What others saw from elsewhere: heartbeats and prints of a service (`service_id`), under an id of their own."""
ROUND = _table("round", _key("round_s", BigInteger), _column("finished", Boolean))
PACKED_ROUND = _table(
    "packed_round", _key("day", Integer), _column("last_s", BigInteger), _column("rounds", LargeBinary)
)
SPEND = _table("spend", _key("day", Integer), _column("requests", BigInteger), _column("tokens", BigInteger))
BEAT = _table(
    "beat",
    _key("round_s", BigInteger),
    _key("service_id", Integer),
    _column("offset_ms", Integer),
    _column("outcome", SmallInteger),
    _column("latency_ms", Integer),
    _column("said", Text),
)
PACKED_BEAT = Table(
    "monitor_packed_beat",  # its rows are of some kilobytes: with a rowid, since those are kept badly in a key's tree
    META,
    _key("service_id", Integer),
    _key("day", Integer),
    _column("n", Integer),
    _column("last_s", BigInteger),
    _column("columns", LargeBinary),
    _column("said", LargeBinary, null=True),
    Index("monitor_packed_beat_day", "day"),
)
INCIDENT = _table(
    "incident",
    _key("service_id", Integer),
    _key("feed", Text),
    _key("id", Text),
    _column("title", Text),
    _column("began_s", BigInteger),
    _column("early_s", BigInteger),
    _column("late_s", BigInteger),
    _column("ended_s", BigInteger, null=True),
    _column("severity", Integer),
)
COVERAGE = _table(
    "coverage",
    _key("service_id", Integer),
    _key("feed", Text),
    _key("since_s", BigInteger),
    _column("until_s", BigInteger),
)
PRINT = _table(
    "print", _key("service_id", Integer), _key("at_s", BigInteger), _key("item", Text), _column("text", Text)
)
FEED = _table(
    "feed",
    _key("feed", Text),
    _column("at_s", BigInteger),
    _column("ok", Boolean),
    _column("since_s", BigInteger),
    _column("detail", Text),
    _column("etag", Text, null=True),
    _column("last_modified", Text, null=True),
)
ALERT = _table("alert", _key("key", Text), _column("at_s", BigInteger))
EVENT = _table("event", _key("at_s", BigInteger), _key("key", Text), _column("text", Text))
