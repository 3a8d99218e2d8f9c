"""Packs, plans, the survey, the run file and collected answers."""
