"""Counts of what was spent, by period."""

Counts = dict[int, int]
