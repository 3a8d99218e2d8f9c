"""The commands under `wrapdetect target`, and how endpoints come from options."""
