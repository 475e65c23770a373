"""The tables' history, one step per file; run by `wattpost cloud migrate` and at every start."""
