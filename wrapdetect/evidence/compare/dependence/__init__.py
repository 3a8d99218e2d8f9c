"""Does the target depend on a candidate? The rules of the dependence axis."""
