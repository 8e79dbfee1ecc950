"""Every private format but that of the spool's file."""

from typing import Final

from tests.formats.cursors import CURSORS
from tests.formats.feeds import FEEDS
from tests.formats.topics import TOPICS

EVERY: Final = (*TOPICS, *CURSORS, *FEEDS)
