"""Which rules are there? The registry: one value a rule, in the order of reports and docs."""

from wrapdetect.evidence.compare.behaviour import coherence, identity, text
from wrapdetect.evidence.compare.dependence import failures, latency, timing, together, versions
from wrapdetect.evidence.compare.rule import Rule

RULES: dict[str, Rule] = {
    "text_words": text.RULE_OF["words"],
    "text_chars": text.RULE_OF["chars"],
    "text_embedding": text.RULE_OF["embedding"],
    "identity_claim": identity.RULE,
    "coherence_gap": coherence.RULE,
    "timing_paired": timing.RULE,
    "failures_together": failures.RULE,
    "outages_together": together.RULE,
    "latency_together": latency.RULE,
    "versions_together": versions.RULE,
}
"""By id; packages of others add to it (store/plugins.py)."""
