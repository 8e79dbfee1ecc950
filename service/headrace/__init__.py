"""Headrace turns the activity events of sales platforms into one stream of canonical events on Kafka."""

from importlib.metadata import version

__version__ = version("headrace")
