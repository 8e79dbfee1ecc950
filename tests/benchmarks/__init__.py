"""The service against a baseline or a target, measured in one run: `python -m tests.benchmarks`.

README.md explains the table and holds the last one.
"""
