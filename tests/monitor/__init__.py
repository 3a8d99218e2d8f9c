"""The monitor: its config, rounds, watch and what stands."""
