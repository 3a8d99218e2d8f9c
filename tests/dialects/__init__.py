"""Bytes of each dialect, right and wrong."""
