"""Compiled loops over plain arrays. They release the GIL; a hole is NaN and never a number."""
