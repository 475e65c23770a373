"""Advice about tariffs: what another basis, plan, demand or hour would have cost on the same use."""
