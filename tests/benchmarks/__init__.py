"""Ours beside the stripped-down limit or the target, measured in one run: `python -m tests.benchmarks`.

README.md says how to read the table and holds the last one.
"""
