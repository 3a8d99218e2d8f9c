"""Bytes of an answer, as all dialects read them. Pure."""
