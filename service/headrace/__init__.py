"""Headrace turns the activity events of sales platforms into one stream of canonical events on Kafka."""

__version__ = "0.1.0"
