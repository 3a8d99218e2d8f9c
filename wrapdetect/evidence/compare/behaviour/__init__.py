"""Does the target answer as a candidate does? The rules of the behaviour axis."""
