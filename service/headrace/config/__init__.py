"""The configuration: `headrace.toml`, the environment over it, and every fault in them at once."""

from headrace.config.load import load
from headrace.config.settings import Admin, Config, Dedupe, Kafka, Log, Receiver, Spool
from headrace.core.units import seconds

__all__ = ["Admin", "Config", "Dedupe", "Kafka", "Log", "Receiver", "Spool", "load", "seconds"]
