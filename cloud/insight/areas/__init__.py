"""How areas and feeders were loaded, day by day: coincidence, transformer load rate, imbalance, voltage."""
