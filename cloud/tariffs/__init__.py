"""Tariffs: dated documents and the arithmetic of bills; pure, money in Decimal yuan."""
