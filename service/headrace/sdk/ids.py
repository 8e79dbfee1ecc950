"""Which texts can be an id."""

from typing import Final

LONGEST_ID: Final = 200


def can_be_id(text: str) -> bool:
    """Return whether a text can be the id of a lead or event: part of a key, of a path, and of a line that people read.

    No encoding makes dots alone mean an id in a path.
    """
    return 0 < len(text) <= LONGEST_ID and text.isprintable() and bool(text.strip(". "))
