"""Observability: logs, metrics, health and the admin port."""
