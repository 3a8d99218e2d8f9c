"""What is watched over weeks: the schedule, the rounds, what stands beside them, status feeds. Pure."""
