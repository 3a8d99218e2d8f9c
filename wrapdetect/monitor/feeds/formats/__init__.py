"""A status feed's format a module: bytes of a saved page -> published incidents."""
