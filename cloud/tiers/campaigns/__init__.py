"""Offers to segments, with a hold-out and a measured uplift."""
