"""Operators: one module per kind of work."""
