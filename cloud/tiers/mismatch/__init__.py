"""Behaviour that contradicts the contract class."""
