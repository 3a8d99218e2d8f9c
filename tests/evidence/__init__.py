"""Reading, comparing and judging, under the null and under an effect."""
