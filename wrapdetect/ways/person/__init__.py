"""A bot that only a person can reach, question by question."""
