"""Tiers on six axes, each with its reasons."""
