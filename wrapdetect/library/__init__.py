"""Reference libraries, and whose answers are these: fingerprints, scores, the nearest family beyond chance. Pure."""
