"""Secrets in every spelling."""
