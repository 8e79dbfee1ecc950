"""Watching it: logs, metrics and health."""
