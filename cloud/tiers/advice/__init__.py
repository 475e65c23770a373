"""Advice worth stated money."""
