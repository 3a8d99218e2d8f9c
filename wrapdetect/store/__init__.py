"""What is kept: run files, the ledger, libraries, tables, what travels along. One of the three rooms of the world."""
