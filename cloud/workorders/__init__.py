"""Work to be done about what is wrong: one order per fault, its stages, deadlines and estimate."""
