"""Run -> Verdict: read what happened, compare it, judge. Pure."""
