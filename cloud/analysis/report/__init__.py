"""A report on anybody's load curves: arrays in, one HTML page and its figures out; pure."""
