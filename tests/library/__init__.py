"""Reference libraries and whose answers these are."""
