"""Loopback bots of known truth, for the demo, the tests and the benchmarks. Nothing in the product depends on them."""
