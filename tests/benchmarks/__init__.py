"""Ours beside the stripped-down limit, measured in one run: `python -m tests.benchmarks` (README.md says how to read it)."""
