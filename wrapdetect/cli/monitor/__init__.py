"""The commands under `wrapdetect monitor`."""
