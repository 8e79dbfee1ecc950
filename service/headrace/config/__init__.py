"""The configuration: `headrace.toml`, the environment over it, and every fault in them at once."""

from headrace.config.kafka_settings import KafkaSettings
from headrace.config.load import load
from headrace.config.settings import (
    AdminSettings,
    Config,
    ConsoleSettings,
    DedupeSettings,
    LogSettings,
    ReceiverSettings,
    SpoolSettings,
    TracesSettings,
)
from headrace.core.units import seconds

__all__ = [
    "AdminSettings",
    "Config",
    "ConsoleSettings",
    "DedupeSettings",
    "KafkaSettings",
    "LogSettings",
    "ReceiverSettings",
    "SpoolSettings",
    "TracesSettings",
    "load",
    "seconds",
]
