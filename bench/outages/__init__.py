"""Dependence in time, measured on public incident lists and on invented histories."""
