"""Run tap-outreach against another host than the one it knows: `python read_outreach.py ROOT`, then the tap's options.

The tap names its host twice, so what it asks of it is asked of ROOT; links that the server gives are followed as they
are. Singer messages go to stdout, as usual.
"""

import sys
from typing import Any
from unittest.mock import patch

import requests
import tap_outreach  # type: ignore[import-not-found]  # it is not installed where types are checked

HOST = "https://api.outreach.io"

root = sys.argv.pop(1)
_request = requests.Session.request


def elsewhere(session: Any, method: str, url: str, **options: Any) -> Any:
    """Ask ROOT instead of the host."""
    return _request(session, method, url.replace(HOST, root, 1), **options)


with patch.object(requests.Session, "request", elsewhere):
    tap_outreach.main()
