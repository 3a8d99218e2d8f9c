"""Texts and nouns."""
