"""What is said of a property in the JSON Schema stands beside its type."""

from typing import Any

from msgspec import Meta


def about(description: str, *examples: Any) -> Meta:
    """Describe a property in one sentence, with examples of its values."""
    return Meta(description=description, examples=list(examples))
