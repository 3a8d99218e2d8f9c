"""The monitor's store, as the rest of the program knows it: a Ledger, on SQLite or PostgreSQL."""

from wrapdetect.store.ledger.ledger import Ledger as Ledger
