"""Samples -> Findings: one module a rule, all of them in rules.py. Importing one of them loads no other."""
