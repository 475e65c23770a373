"""What meters remember and what they say of themselves: gaps and their filling, clocks, facts."""
