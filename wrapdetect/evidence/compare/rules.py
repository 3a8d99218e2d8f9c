"""Which rules are there? The registry: one value a rule, in the order of reports and docs."""

from wrapdetect.evidence.compare.behaviour import coherence, identity, text
from wrapdetect.evidence.compare.dependence import failures, latency, timing, together, versions
from wrapdetect.evidence.compare.rule import Rule

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        *text.RULES_OF_TEXT,
        identity.RULE,
        coherence.RULE,
        timing.RULE,
        failures.RULE,
        together.RULE,
        latency.RULE,
        versions.RULE,
    )
}
"""By id; packages of others add to it (store/plugins.py)."""
